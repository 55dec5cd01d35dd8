package repo_test

import (
	"bytes"
	"debug/buildinfo"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sana/backend/config"
	"sana/frontend"
)

// buildAsReleased builds the program as npm run build does, with a canary in every variable that
// Sana reads, and returns its path and the canaries.
func buildAsReleased(t *testing.T) (program string, canaries []string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "sana")
	arguments := slices.Concat([]string{"build"}, buildFlags(t, "test"),
		[]string{"-o", program, "sana/backend"})
	command := exec.CommandContext(t.Context(), "go", arguments...)
	// The flags of the tests must not replace one that is missing in the build.
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	for _, variable := range config.Variables() {
		canary := "canary-of-" + variable.Name
		canaries = append(canaries, canary)
		command.Env = append(command.Env, variable.Name+"="+canary)
	}
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(arguments, " "), err, output)
	}
	return program, canaries
}

// buildFlags returns the flags of npm run build, with a version.
func buildFlags(t *testing.T, version string) (flags []string) {
	t.Helper()
	list := submatch(t, `(?s)const flags = \[(.+?)'-o',\s+target`,
		read(t, "../../../scripts/lib/builds.mjs"))
	for _, quoted := range regexp.MustCompile("'[^']*'|`[^`]*`").FindAllString(list, -1) {
		flags = append(flags, strings.ReplaceAll(quoted[1:len(quoted)-1], "${version}", version))
	}
	return flags
}

// goEnv returns a variable of the go command.
func goEnv(t *testing.T, name string) string {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(output))
}

// The program contains nothing of the machine that built it and nothing of the tests. It
// lists every module in it, with version and checksum (ASVS 5.0, 15.1.2).
func TestProgram_HasNoTraceOfTheBuildMachine(t *testing.T) {
	t.Parallel()
	program, canaries := buildAsReleased(t)
	content, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(content, []byte("sana/backend/web.")) {
		t.Fatal("the program does not contain the names of its functions: the search finds nothing")
	}
	repository, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}

	paths := []string{
		repository, goEnv(t, "GOMODCACHE"), goEnv(t, "GOCACHE"),
		filepath.Join(goEnv(t, "GOROOT"), "src"),
	}
	tests := []string{
		"sana/backend/test/",
		// mailgun-go has a server for tests, which needs a router. The linker drops both.
		"mailgun-go/v4.(*mockServer)", "go-chi/chi/v5.(*Mux)",
	}
	for _, text := range slices.Concat(canaries, paths, tests) {
		if bytes.Contains(content, []byte(text)) {
			t.Errorf("the program contains %q", text)
		}
	}

	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	if len(info.Deps) == 0 {
		t.Error("the program lists no modules")
	}
	for _, module := range info.Deps {
		if module.Sum == "" || module.Replace != nil {
			t.Errorf("%s %s has no checksum, or is replaced by another module", module.Path,
				module.Version)
		}
	}
}

// The program embeds the whole of frontend/dist. If the pages are built, the test reads them
// another test checks that their configuration builds no source maps.
func TestPages_HaveNoSourceMapsAndNoHiddenFiles(t *testing.T) {
	t.Parallel()
	err := fs.WalkDir(frontend.Files(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() && name == "." {
			return err
		}
		if path.Ext(name) == ".map" || entry.Name()[0] == '.' && name != ".gitkeep" {
			t.Errorf("frontend/dist has %s", name)
		}
		if entry.IsDir() {
			return nil
		}
		content, err := fs.ReadFile(frontend.Files(), name)
		if bytes.Contains(content, []byte("sourceMappingURL")) {
			t.Errorf("%s names a source map", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Vite puts variables of the environment and of .env files into the pages if a source reads
// import.meta.env, or if the configuration says so.
func TestPages_AreBuiltWithoutSourceMapsAndEnvironment(t *testing.T) {
	t.Parallel()
	configuration := read(t, "../../../vite.config.ts")
	if got := submatch(t, `\bsourcemap: (\S+),`, configuration); got != "false" {
		t.Errorf("sourcemap: got %s, want false", got)
	}
	options := regexp.MustCompile(`\b(?:define|envPrefix|loadEnv)\b`)
	if found := options.FindString(configuration); found != "" {
		t.Errorf("vite.config.ts has %s, which can put variables into the pages", found)
	}
	files := 0
	reads := regexp.MustCompile(`import\.meta\.env|process\.env|%VITE_`)
	err := filepath.WalkDir("../../../frontend",
		func(name string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.IsDir() {
				if entry.Name() == "dist" || entry.Name() == "node_modules" {
					return filepath.SkipDir
				}
				return nil
			}
			files++
			if found := reads.FindString(read(t, name)); found != "" {
				t.Errorf("%s reads the environment of the build: %s", name, found)
			}
			return nil
		})
	if err != nil {
		t.Fatal(err)
	}
	if files < 10 {
		t.Errorf("read %d files of the pages", files)
	}
}
