package drill

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sana/backend/test/harness"
)

const ahead = 45 * time.Minute

// linkAhead links this test binary again, in dir, with a package time whose clock is ahead, and
// returns its path. The clock is ahead for the whole process, including the log and the mail queue.
// A build with -overlay would compile every package that uses time again, which takes a hundred
// seconds of a processor. Only the body of one function changes, so compiling that package and
// linking is enough.
func linkAhead(dir string) (string, error) {
	const self = "sana/backend/test/drill"
	list, err := goTool("list", "-trimpath", "-test", "-export", "-deps", "-f",
		"{{.ImportPath}} {{.Export}}", self)
	if err != nil {
		return "", err
	}
	var compile, link strings.Builder
	var main string
	for line := range strings.Lines(list) {
		// a package that is compiled for this test has a suffix after its path
		fields := strings.Fields(line)
		path, archive := fields[0], fields[len(fields)-1]
		switch {
		case archive == path: // package unsafe has none
			continue
		case path == self+".test":
			main = archive
			continue
		}
		fmt.Fprintf(&compile, "packagefile %s=%s\n", path, archive)
		if path != "time" {
			fmt.Fprintf(&link, "packagefile %s=%s\n", path, archive)
		}
	}
	fmt.Fprintf(&link, "packagefile time=%s\n", filepath.Join(dir, "time.a"))
	if err := compileTime(dir, compile.String()); err != nil {
		return "", err
	}
	program, config := filepath.Join(dir, "ahead"), filepath.Join(dir, "link")
	if err := os.WriteFile(config, []byte(link.String()), 0o600); err != nil {
		return "", err
	}
	_, err = goTool("tool", "link", "-s", "-w", "-buildmode=exe", "-importcfg", config, "-o",
		program, main)
	return program, err
}

// compileTime compiles dir/time.a, whose Now is ahead.
func compileTime(dir, imports string) error {
	output, err := goTool("list", "-f", "{{.Dir}}\n{{range .GoFiles}}{{.}}\n{{end}}", "time")
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(output), "\n")
	from, config := lines[0], filepath.Join(dir, "compile")
	if err := os.WriteFile(config, []byte(imports), 0o600); err != nil {
		return err
	}
	// The file positions must not change, or the linker would treat it as a different package.
	args := []string{"tool", "compile", "-std", "-pack", "-p", "time", "-importcfg", config,
		"-trimpath", dir + "=>time;" + from + "=>time", "-o", filepath.Join(dir, "time.a")}
	for _, name := range lines[1:] {
		path := filepath.Join(from, name)
		if name == "time.go" {
			path = filepath.Join(dir, name)
			if err := patchNow(filepath.Join(from, name), path); err != nil {
				return err
			}
		}
		args = append(args, path)
	}
	_, err = goTool(args...)
	return err
}

func patchNow(from, to string) error {
	source, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	const now = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()"
	patched := strings.Replace(string(source), now,
		fmt.Sprintf("%s; sec += %d", now, int(ahead.Seconds())), 1)
	if patched == string(source) {
		return fmt.Errorf("%s does not have the text that is to be changed: %q", from, now)
	}
	return os.WriteFile(to, []byte(patched), 0o600)
}

// goTool runs go with the settings of the build of bin/sana.
func goTool(args ...string) (string, error) {
	command := exec.Command("go", args...)
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	var stderr strings.Builder
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", args[0], err, &stderr)
	}
	return string(output), nil
}

// wantAhead fails the test unless the process's clock is ahead of this one.
func wantAhead(t *testing.T, p *harness.Process) {
	t.Helper()
	answer := p.Open(t).Get("/livez").Want(http.StatusOK)
	date, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		t.Fatal(err)
	}
	if by := time.Until(date).Round(time.Minute); by != ahead {
		t.Errorf("the clock that is to be %s ahead is %s ahead", ahead, by)
	}
}
