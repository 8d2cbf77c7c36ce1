package agent

// ConsentVersion is the version of the text that people agree to before an enrolment.
const ConsentVersion = "1"
