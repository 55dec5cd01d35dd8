package repo_test

import (
	"crypto/rand"
	"encoding/base64"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sana/backend/config"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// blueprint has the parts of render.yaml that the tests read.
type blueprint struct {
	Services []struct {
		Name             string        `yaml:"name"`
		Runtime          string        `yaml:"runtime"`
		Region           string        `yaml:"region"`
		NumInstances     int           `yaml:"numInstances"`
		PreDeployCommand string        `yaml:"preDeployCommand"`
		DockerCommand    string        `yaml:"dockerCommand"`
		HealthCheckPath  string        `yaml:"healthCheckPath"`
		MaxShutdownDelay int           `yaml:"maxShutdownDelaySeconds"`
		EnvVars          []setVariable `yaml:"envVars"`
	} `yaml:"services"`
	Databases []struct {
		Name        string `yaml:"name"`
		Region      string `yaml:"region"`
		Version     string `yaml:"postgresMajorVersion"`
		IPAllowList *[]any `yaml:"ipAllowList"`
	} `yaml:"databases"`
}

// setVariable is the source of a variable's value at Render.
type setVariable struct {
	Key           string  `yaml:"key"`
	Value         *string `yaml:"value"`
	PreviewValue  *string `yaml:"previewValue"`
	GenerateValue bool    `yaml:"generateValue"`
	Sync          *bool   `yaml:"sync"`
	FromDatabase  struct {
		Name     string `yaml:"name"`
		Property string `yaml:"property"`
	} `yaml:"fromDatabase"`
}

// blueprints are the blueprints for operators.
var blueprints = []string{"render.yaml", "ops/render-one.yaml"}

func readBlueprint(t *testing.T, file string) blueprint {
	t.Helper()
	var b blueprint
	if err := yaml.Unmarshal([]byte(read(t, "../../../"+file)), &b); err != nil {
		t.Fatal(err)
	}
	if len(b.Services) != 1 || len(b.Databases) != 1 {
		t.Fatalf("%s: got %d services and %d databases, want one of each", file, len(b.Services),
			len(b.Databases))
	}
	return b
}

// answers are the values that an operator enters in the prompts of Render, by kind of mail.
var answers = map[string]map[string]string{
	"mailgun": {
		"MAIL_FROM":       "Sana <sign-in@mg.example.org>",
		"MAIL_TRANSPORT":  "mailgun",
		"SMTP_URL":        "",
		"MAILGUN_DOMAIN":  "mg.example.org",
		"MAILGUN_API_KEY": "0123456789abcdef0123456789abcdef-01234567-89abcdef",
	},
	"smtp": {
		"MAIL_FROM":       "Sana <sign-in@example.org>",
		"MAIL_TRANSPORT":  "smtp",
		"SMTP_URL":        "smtps://sana:a-password@mail.example.org:465",
		"MAILGUN_DOMAIN":  "",
		"MAILGUN_API_KEY": "",
	},
}

// value returns the value that the service gets, as Render documents it.
func (v setVariable) value(t *testing.T, database, mail string) string {
	t.Helper()
	answer, asked := answers[mail][v.Key]
	switch {
	case v.Value != nil:
		return *v.Value
	case v.GenerateValue: // base64 of 256 bits
		var secret [32]byte
		_, _ = rand.Read(secret[:])
		return base64.StdEncoding.EncodeToString(secret[:])
	// by the internal name
	case v.FromDatabase.Name == database && v.FromDatabase.Property == "connectionString":
		return "postgresql://sana_user:Zu7BqTbU9i5Wgf@dpg-d4a1b2c3d4e5f6g7h8i9-a/sana_db_x1y2"
	case v.Sync != nil && !*v.Sync && asked:
		return answer
	}
	t.Fatalf("%s gets no value", v.Key)
	return ""
}

// environ returns the environment of the blueprint's service, except for one variable.
func (b blueprint) environ(t *testing.T, mail, without string) []string {
	t.Helper()
	list := []string{"RENDER=true", "PORT=10000",
		"RENDER_EXTERNAL_URL=https://sana-x1y2.onrender.com"}
	for _, v := range b.Services[0].EnvVars {
		if v.Key != without {
			list = append(list, v.Key+"="+v.value(t, b.Databases[0].Name, mail))
		}
	}
	return list
}

// The schema in testdata is a copy of https://render.com/schema/render.yaml.json.
func TestBlueprint_FitsRendersSchema(t *testing.T) {
	t.Parallel()
	file, err := os.Open("testdata/render.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	document, err := jsonschema.UnmarshalJSON(file)
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("render.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("render.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range blueprints {
		var content any
		if err := yaml.Unmarshal([]byte(read(t, "../../../"+name)), &content); err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(content); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// leftToDefault are the variables that the blueprint does not set: Render sets PORT and the address
// itself, and the default of the others is right until an operator sets them in the dashboard,
// which a blueprint would overwrite.
var leftToDefault = []string{
	"PORT", "LISTEN_ADDR", "PUBLIC_URL", "MIGRATE_DATABASE_URL", "SESSION_STORE", "SESSION_CACHE",
	"SESSION_CACHE_MB", "SESSION_IDLE_TIMEOUT", "SESSION_MAX_AGE",
	"CODE_LENGTH", "SIGN_UP", "CODES_PER_NETWORK", "WRONG_CODES_PER_NETWORK", "MAIL_ALARM",
	"MAILGUN_API_BASE", "MAILGUN_WEBHOOK_KEY", "APPS_FILE", "GATE_ADDR", "LOG_LEVEL", "LOG_FORMAT",
	"BRAND_NAME", "BRAND_COLOR", "BRAND_COLOR_DARK", "BRAND_LOGO_FILE", "HELP_URL", "PRIVACY_URL",
	"TERMS_URL", "SUPPORT_EMAIL",
	"METRICS_ADDR", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS",
}

func TestBlueprint_HasTheVariablesOfTheConfiguration(t *testing.T) {
	t.Parallel()
	var known []string
	for _, v := range config.Variables() {
		known = append(known, v.Name)
	}
	for _, file := range blueprints {
		named := slices.Clone(leftToDefault)
		for _, v := range readBlueprint(t, file).Services[0].EnvVars {
			named = append(named, v.Key)
		}
		if diff := cmp.Diff(known, named, cmpopts.SortSlices(strings.Compare)); diff != "" {
			t.Errorf(
				"variables of the configuration, and those that %s names or leaves to their "+
					"default (-want +got):\n%s", file, diff)
		}
	}
}

func TestBlueprint_StartsInProduction(t *testing.T) {
	t.Parallel()
	for _, file := range blueprints {
		b := readBlueprint(t, file)
		// production is the default; the blueprint sets it for clarity
		needed := map[string]bool{"APP_ENV": true}
		for mail := range answers {
			got, err := config.Load(b.environ(t, mail, ""))
			if err != nil {
				t.Fatalf("%s with %s: rejected:\n%v", file, mail, err)
			}
			if got.Env != config.Production || got.PublicURL != "https://sana-x1y2.onrender.com" ||
				got.Port != 10000 || got.TrustedProxyHops != 2 {
				t.Errorf("%s with %s: got %s at %s, port %d, %d proxies", file, mail, got.Env,
					got.PublicURL, got.Port, got.TrustedProxyHops)
			}
			if keys := got.Keys.All(); len(keys) != 1 || keys[0].ID == "" {
				t.Errorf("%s with %s: a generated key makes %d keys", file, mail, len(keys))
			}
			if _, err := config.LoadMigrateDatabaseURL(b.environ(t, mail, "")); err != nil {
				t.Errorf("%s with %s: the migration is rejected: %v", file, mail, err)
			}
			for _, v := range b.Services[0].EnvVars {
				_, err := config.Load(b.environ(t, mail, v.Key))
				needed[v.Key] = needed[v.Key] || err != nil
			}
		}
		for _, v := range b.Services[0].EnvVars {
			if !needed[v.Key] {
				t.Errorf("%s: %s is not needed", file, v.Key)
			}
		}
	}
}

func TestBlueprint_HasNoSecret(t *testing.T) {
	t.Parallel()
	for _, field := range reflect.VisibleFields(reflect.TypeFor[config.Config]()) {
		for _, file := range blueprints {
			for _, v := range readBlueprint(t, file).Services[0].EnvVars {
				_, asked := answers["smtp"][v.Key]
				secret := field.Type == reflect.TypeFor[config.Secret]() &&
					v.Key == field.Tag.Get("env")
				if (secret || asked) && (v.Value != nil || v.PreviewValue != nil) {
					t.Errorf("%s has the value of %s", file, v.Key)
				}
			}
		}
	}
}

func TestBlueprint_MigratesBeforeItServes(t *testing.T) {
	t.Parallel()
	two, one := readBlueprint(t, "render.yaml").Services[0],
		readBlueprint(t, "ops/render-one.yaml").Services[0]
	// Commands are the image's program and its arguments, without anything that a shell would
	// interpret.
	if two.NumInstances != 2 || two.PreDeployCommand != "/sana migrate" || two.DockerCommand != "" {
		t.Errorf("render.yaml: got %d instances of %q after %q", two.NumInstances,
			two.DockerCommand, two.PreDeployCommand)
	}
	if one.NumInstances != 0 || one.PreDeployCommand != "" ||
		one.DockerCommand != "/sana serve --migrate" {
		t.Errorf("ops/render-one.yaml: got %d instances of %q after %q", one.NumInstances,
			one.DockerCommand, one.PreDeployCommand)
	}
	for _, file := range blueprints {
		b := readBlueprint(t, file)
		service, database := b.Services[0], b.Databases[0]
		if service.Runtime != "docker" || service.HealthCheckPath != "/readyz" {
			t.Errorf("%s: got %s, asked at %s; want docker, at /readyz", file, service.Runtime,
				service.HealthCheckPath)
		}
		if service.MaxShutdownDelay < 15 {
			t.Errorf("%s: an instance gets %d s to stop, want more than the 10 it may need", file,
				service.MaxShutdownDelay)
		}
		if database.Version != "18" || database.Region == "" || database.Region != service.Region {
			t.Errorf("%s: got Postgres %s in %q for a service in %q", file, database.Version,
				database.Region, service.Region)
		}
		if database.IPAllowList == nil || len(*database.IPAllowList) > 0 {
			t.Errorf("%s: the database can be reached from outside", file)
		}
	}
}
