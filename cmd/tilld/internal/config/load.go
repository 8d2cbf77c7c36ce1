package config

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func absolute(path, dir string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// Load reads a configuration file. An error says that the file itself cannot be read; what
// is wrong inside it is in Problems.
func Load(file string, known Known) (*Config, Problems, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return nil, nil, err
	}
	if len(data) > MaxSize {
		return nil, nil, fmt.Errorf("larger than %d bytes: not a configuration", MaxSize)
	}
	full, err := filepath.Abs(file)
	if err != nil {
		return nil, nil, err
	}
	c, problems := Parse(data, filepath.Dir(full), known)
	return c, problems, nil
}
