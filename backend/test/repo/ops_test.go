package repo_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sana/backend/config"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// compose is the part of ops/compose.yaml that the tests read.
type compose struct {
	Services map[string]struct {
		Ports       []string          `yaml:"ports"`
		Command     []string          `yaml:"command"`
		EnvFile     string            `yaml:"env_file"`
		Environment map[string]string `yaml:"environment"`
		Secrets     []string          `yaml:"secrets"`
	} `yaml:"services"`
	Secrets map[string]struct{ File string } `yaml:"secrets"`
}

// settings are the variables in a file such as ops/sana.env.example.
func settings(t *testing.T, file string) []string {
	t.Helper()
	var list []string
	for line := range strings.Lines(read(t, file)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			list = append(list, strings.ReplaceAll(line, `"`, ""))
		}
	}
	return list
}

// secrets writes a file for each secret, readable by its owner and group, and returns the folder.
func secrets(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, value := range map[string]string{
		"database_url": "postgres://sana:password@postgres/sana",
		"secret_keys":  "k1:c2FuYS1vcHMtdGVzdC1zZWNyZXQta2V5LTAxMjM0NTY3ODk=",
		"smtp_url":     "smtps://sana:password@mail.example.org:465",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(value+"\n"), 0o440); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestOps_EnvironmentsAreValid loads the settings of the systemd unit and of the Compose file with
// ops/sana.env.example, as the program does at startup.
func TestOps_EnvironmentsAreValid(t *testing.T) {
	t.Parallel()
	unit := regexp.MustCompile(`(?m)^Environment=(.+)$`).FindAllStringSubmatch(
		read(t, "../../../ops/sana.service"), -1)
	var byUnit []string
	for _, match := range unit {
		byUnit = append(byUnit, strings.ReplaceAll(match[1], "%d", secrets(t)))
	}
	var byCompose []string
	for name, value := range readCompose(t).Services["sana"].Environment {
		byCompose = append(byCompose,
			name+"="+strings.ReplaceAll(value, "/run/secrets", secrets(t)))
	}
	for name, environ := range map[string][]string{"ops/sana.service": byUnit,
		"ops/compose.yaml": byCompose} {
		got, err := config.Load(append(environ, settings(t, "../../../ops/sana.env.example")...))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.TrustedProxyHops != 1 || got.SMTPServer.Host != "mail.example.org" {
			t.Errorf("%s: got %d proxies and the mail server %q", name, got.TrustedProxyHops,
				got.SMTPServer.Host)
		}
		if name == "ops/sana.service" && got.ListenAddr != "127.0.0.1:3000" {
			t.Errorf("%s: listens on %q, where clients can bypass the proxy", name, got.ListenAddr)
		}
	}
}

func TestOps_NoRecipeLetsClientsBypassTheProxy(t *testing.T) {
	t.Parallel()
	root := "../../.."
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains(untracked, entry.Name()) {
			return fs.SkipDir
		}
		if slices.Contains([]string{".md", ".yaml", ".yml"}, filepath.Ext(path)) {
			if found := allInterfaces.FindString(read(t, path)); found != "" {
				t.Errorf("%s publishes the port on all interfaces: %s", path, found)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// allInterfaces matches Docker's ways to publish Sana's port to everyone.
var allInterfaces = regexp.MustCompile(
	`(?m)(-p +|--publish[ =]|^\s*- ["']?)(0\.0\.0\.0:)?\d+:3000\b.*$`)

func readCompose(t *testing.T) compose {
	t.Helper()
	var c compose
	if err := yaml.Unmarshal([]byte(read(t, "../../../ops/compose.yaml")), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestOps_ComposePublishesOnlyCaddy also checks that secrets are files, and that one service
// migrates.
func TestOps_ComposePublishesOnlyCaddy(t *testing.T) {
	t.Parallel()
	c := readCompose(t)
	for name, service := range c.Services {
		if published := len(service.Ports) > 0; published != (name == "caddy") {
			t.Errorf("%s publishes ports: %v", name, service.Ports)
		}
		for _, secret := range service.Secrets {
			if c.Secrets[secret].File != "secrets/"+secret {
				t.Errorf("%s: the secret %s has no file", name, secret)
			}
		}
	}
	if got := c.Services["migrate"]; !slices.Equal(got.Command, []string{"/sana", "migrate"}) ||
		cmp.Diff(got.Environment, c.Services["sana"].Environment) != "" {
		t.Errorf("migrate: got %v with %v", got.Command, got.Environment)
	}
}

// TestOps_SystemdUnitIsValidAndHardened runs systemd-analyze, without a service manager.
func TestOps_SystemdUnitIsValidAndHardened(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("this machine has no systemd-analyze")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// The program's path must exist.
	unit := filepath.Join(t.TempDir(), "sana.service")
	text := strings.ReplaceAll(read(t, "../../../ops/sana.service"), "/usr/local/bin/sana", self)
	if err := os.WriteFile(unit, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, arguments := range [][]string{
		{"verify", "--man=no", "--recursive-errors=no", unit},
		{"security", "--offline=true", "--no-pager", "--threshold=15", unit}, // 1.5 of 10: "OK"
	} {
		if output, err := exec.Command(program, arguments...).CombinedOutput(); err != nil {
			t.Errorf("systemd-analyze %v: %v\n%s", arguments, err, output)
		} else if arguments[0] == "verify" && len(output) > 0 {
			t.Errorf("systemd-analyze verify:\n%s", output)
		}
	}
}
