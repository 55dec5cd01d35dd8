package repo_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sana/backend/config"
)

// instruction is an instruction of the Dockerfile, with its lines joined.
type instruction struct{ name, arguments string }

// stages parses the Dockerfile: the instructions before the first FROM, then one list for each
// stage.
func stages(t *testing.T) [][]instruction {
	t.Helper()
	text := regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(read(t, "../../../Dockerfile"), "")
	list := [][]instruction{nil}
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		name, arguments, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "" {
			continue
		}
		if name == "FROM" {
			list = append(list, nil)
		}
		last := len(list) - 1
		list[last] = append(list[last],
			instruction{name, strings.Join(strings.Fields(arguments), " ")})
	}
	return list
}

// only returns the arguments of a stage's only instruction of this name.
func only(t *testing.T, stage []instruction, name string) string {
	t.Helper()
	var found []string
	for _, i := range stage {
		if i.name == name {
			found = append(found, i.arguments)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%s: got %d times %s, want one", stage[0].arguments, len(found), name)
	}
	return found[0]
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// submatch returns the match of the pattern's only group.
func submatch(t *testing.T, pattern, text string) string {
	t.Helper()
	match := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if match == nil {
		t.Fatalf("nothing matches %s in:\n%s", pattern, text)
	}
	return match[1]
}

func TestImage_UsesTheVersionsOfTheSources(t *testing.T) {
	t.Parallel()
	var images []string
	for _, stage := range stages(t)[1:] {
		if image := strings.Fields(stage[0].arguments)[0]; image != "scratch" {
			images = append(images, image)
		}
	}
	asked := submatch(t, `(?m)^go (\d+\.\d+)`, read(t, "../../../go.mod"))
	if got := submatch(t, `/golang:([\d.]+)-`, strings.Join(images, "\n")); got != asked {
		t.Errorf("Go of the image: got %s, want %s as in go.mod", got, asked)
	}
	asked = submatch(t, `"node": ">=(\d+)`, read(t, "../../../package.json"))
	if got := submatch(t, `/node:([\d.]+)-`, strings.Join(images, "\n")); got != asked {
		t.Errorf("Node of the image: got %s, want the newest %s, as in package.json", got, asked)
	}
	for _, image := range images {
		if !regexp.MustCompile(`^[a-z]+\.[a-z.]+/[a-z/]+[a-z0-9/-]*:\S+$`).MatchString(image) ||
			strings.HasSuffix(image, ":latest") {
			t.Errorf("%s does not name registry and version", image)
		}
	}
}

func TestImage_HasTheBinaryOfNpmRunBuild(t *testing.T) {
	t.Parallel()
	want := buildFlags(t, "${VERSION}")
	for i, flag := range want {
		if strings.Contains(flag, " ") {
			want[i] = `"` + flag + `"`
		}
	}
	cgo := submatch(t, `CGO_ENABLED: '(\d)'`, read(t, "../../../scripts/lib/builds.mjs"))
	run := only(t, stages(t)[2], "RUN")
	if command := "CGO_ENABLED=" + cgo + " go build " + strings.Join(want, " ") +
		" -o /sana ./backend"; !strings.HasSuffix(run, " "+command) {
		t.Errorf("got %s\nwant …%s", run, command)
	}
}

func TestImage_HasNoShellAndNoRoot(t *testing.T) {
	t.Parallel()
	all := stages(t)
	last := all[len(all)-1]
	if from := last[0].arguments; from != "scratch" {
		t.Errorf("the image is made from %s; want scratch, which has no shell", from)
	}
	for _, i := range last {
		if !slices.Contains(
			[]string{"FROM", "COPY", "ENV", "USER", "EXPOSE", "HEALTHCHECK", "CMD", "ARG", "LABEL"},
			i.name) {
			t.Errorf("the last stage has %s, which needs a shell, or changes what a command is",
				i.name)
		}
	}
	var copied []string
	for _, i := range last {
		if i.name == "COPY" {
			copied = append(copied, i.arguments)
		}
	}
	want := []string{
		// the first path of crypto/x509
		"--from=program /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/",
		"--from=program /usr/local/go/lib/time/zoneinfo.zip /usr/local/go/lib/time/",
		"--from=program /sana /sana",
	}
	if !slices.Equal(copied, want) {
		t.Errorf("copied into the image: got %q, want %q", copied, want)
	}
	if got := only(t, last, "ENV"); got != "GOROOT=/usr/local/go" {
		t.Errorf("ENV: got %s, want where package time finds all zones, that of TZ too", got)
	}
	if got := only(t, last, "USER"); !regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(got) {
		t.Errorf("USER: got %s, want numbers that are not root's", got)
	}
	for _, command := range []string{only(t, last, "CMD"),
		submatch(t, `CMD (.*)`, only(t, last, "HEALTHCHECK"))} {
		var words []string
		if err := json.Unmarshal([]byte(command), &words); err != nil || words[0] != "/sana" {
			t.Errorf(
				"%s is no list of words that begins with the program; the image has nothing "+
					"that could read it", command)
		}
	}
}

func TestImage_HasLabels(t *testing.T) {
	t.Parallel()
	all := stages(t)
	last := all[len(all)-1]
	labels := only(t, last, "LABEL")
	for label, want := range map[string]string{
		"title": `"Sana"`, "licenses": `"MIT"`, "version": `"${VERSION}"`,
		"revision": `"${REVISION}"`,
		"source":   `"${SOURCE}"`,
	} {
		if !strings.Contains(labels, "org.opencontainers.image."+label+"="+want) {
			t.Errorf("the label %s is missing, want %s", label, want)
		}
	}
	for _, argument := range []string{"VERSION", "REVISION", "SOURCE"} {
		if !slices.Contains(last, instruction{"ARG", argument}) {
			t.Errorf("the last stage does not take the build argument %s", argument)
		}
	}
}

// Render passes every variable of the service to its builds.
func TestImage_HasNoVariableAsBuildArgument(t *testing.T) {
	t.Parallel()
	variables := config.Variables()
	for _, i := range slices.Concat(stages(t)...) {
		name, _, _ := strings.Cut(i.arguments, "=")
		if i.name == "ENV" && name != "GOROOT" || i.name == "ARG" &&
			slices.ContainsFunc(variables,
				func(v config.Variable) bool { return strings.HasPrefix(name, v.Name) }) {
			t.Errorf("%s %s: it would stay in the image", i.name, name)
		}
	}
}

// ignored reports whether .dockerignore excludes a path from the build: the last line that matches
// the path or a parent folder decides.
func ignored(lines []string, path string) bool {
	out := false
	for _, line := range lines {
		pattern, back := strings.CutPrefix(line, "!")
		expression := strings.NewReplacer(`\*\*/`, `(?:.*/)?`, `\*`,
			`[^/]*`).Replace(regexp.QuoteMeta(pattern))
		if regexp.MustCompile(`^` + expression + `(?:/.*)?$`).MatchString(path) {
			out = !back
		}
	}
	return out
}

func TestImage_BuildContextHasNoSecrets(t *testing.T) {
	t.Parallel()
	var lines []string
	for line := range strings.Lines(read(t, "../../../.dockerignore")) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	for _, path := range []string{
		".env", ".env.production", "frontend/.env", "backend/.env.local", ".npmrc", ".netrc",
		".git/config", ".data/secret_keys",
		"backend/.data/secret_keys", ".data/postgres/PG_VERSION", "secret_keys", "server.pem",
		"bin/sana",
		"node_modules/vite/package.json",
		"frontend/node_modules/vite/package.json", "frontend/dist/index.html",
		"test-results/trace.zip",
		"backend/main_test.go", "backend/testdata/x",
	} {
		if !ignored(lines, path) {
			t.Errorf("%s gets into the build", path)
		}
	}
	wanted := []string{"frontend/index.html", "frontend/src/main.tsx", "backend/main.go",
		"backend/web/openapi.yaml", "migrations/development/x.sql"}
	for _, stage := range stages(t) {
		for _, i := range stage {
			if i.name == "COPY" && !strings.HasPrefix(i.arguments, "--from") {
				sources := strings.Fields(i.arguments)
				wanted = append(wanted, sources[:len(sources)-1]...)
			}
		}
	}
	for _, path := range wanted {
		if ignored(lines, path) {
			t.Errorf("%s is missing in the build", path)
		}
	}
}
