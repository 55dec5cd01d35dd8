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

// blueprint is what the tests read of render.yaml.
type blueprint struct {
	Services []struct {
		Name             string        `yaml:"name"`
		Runtime          string        `yaml:"runtime"`
		Region           string        `yaml:"region"`
		NumInstances     int           `yaml:"numInstances"`
		PreDeployCommand string        `yaml:"preDeployCommand"`
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

// setVariable says where Render takes a variable from.
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

func readBlueprint(t *testing.T) blueprint {
	t.Helper()
	var b blueprint
	if err := yaml.Unmarshal([]byte(read(t, "../../../render.yaml")), &b); err != nil {
		t.Fatal(err)
	}
	if len(b.Services) != 1 || len(b.Databases) != 1 {
		t.Fatalf("got %d services and %d databases, want one of each", len(b.Services), len(b.Databases))
	}
	return b
}

// answers is what an operator types where Render asks.
var answers = map[string]string{
	"MAIL_FROM":       "Sana <sign-in@mg.example.org>",
	"MAILGUN_DOMAIN":  "mg.example.org",
	"MAILGUN_API_KEY": "0123456789abcdef0123456789abcdef-01234567-89abcdef",
}

// value is what the service gets, as Render documents it.
func (v setVariable) value(t *testing.T, database string) string {
	t.Helper()
	switch {
	case v.Value != nil:
		return *v.Value
	case v.GenerateValue: // base64 of 256 bits
		var secret [32]byte
		_, _ = rand.Read(secret[:])
		return base64.StdEncoding.EncodeToString(secret[:])
	case v.FromDatabase.Name == database && v.FromDatabase.Property == "connectionString": // by the internal name
		return "postgresql://sana_user:Zu7BqTbU9i5Wgf@dpg-d4a1b2c3d4e5f6g7h8i9-a/sana_db_x1y2"
	case v.Sync != nil && !*v.Sync && answers[v.Key] != "":
		return answers[v.Key]
	}
	t.Fatalf("%s gets no value", v.Key)
	return ""
}

// environ is the environment that Render makes of the blueprint, without one variable.
func (b blueprint) environ(t *testing.T, without string) []string {
	t.Helper()
	list := []string{"RENDER=true", "PORT=10000", "RENDER_EXTERNAL_URL=https://sana-x1y2.onrender.com"}
	for _, v := range b.Services[0].EnvVars {
		if v.Key != without {
			list = append(list, v.Key+"="+v.value(t, b.Databases[0].Name))
		}
	}
	return list
}

// The schema in testdata is the one that Render publishes at https://render.com/schema/render.yaml.json.
func TestTheRenderBlueprintFitsRendersSchema(t *testing.T) {
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
	var content any
	if err := yaml.Unmarshal([]byte(read(t, "../../../render.yaml")), &content); err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(content); err != nil {
		t.Error(err)
	}
}

// leftToDefault are the variables that the blueprint does not name: Render sets PORT and the address by itself, and the
// default of the others is right until an operator sets them in the dashboard, which a blueprint would overwrite.
var leftToDefault = []string{
	"PORT", "LISTEN_ADDR", "PUBLIC_URL", "MIGRATE_DATABASE_URL", "SESSION_STORE", "SESSION_CACHE", "SESSION_CACHE_MB", "SESSION_IDLE_TIMEOUT", "SESSION_MAX_AGE",
	"CODE_LENGTH", "SIGN_UP", "CODES_PER_NETWORK", "WRONG_CODES_PER_NETWORK", "MAIL_ALARM", "MAIL_TRANSPORT", "MAILGUN_API_BASE", "MAILGUN_WEBHOOK_KEY", "SMTP_URL", "APPS_FILE", "GATE_ADDR", "LOG_LEVEL", "LOG_FORMAT",
	"BRAND_NAME", "BRAND_COLOR", "BRAND_COLOR_DARK", "BRAND_LOGO_FILE", "HELP_URL", "PRIVACY_URL", "TERMS_URL", "SUPPORT_EMAIL",
	"METRICS_ADDR", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS",
}

func TestTheRenderBlueprintAndTheConfigurationKnowTheSameVariables(t *testing.T) {
	t.Parallel()
	var known []string
	for _, v := range config.Variables() {
		known = append(known, v.Name)
	}
	named := slices.Clone(leftToDefault)
	for _, v := range readBlueprint(t).Services[0].EnvVars {
		named = append(named, v.Key)
	}
	if diff := cmp.Diff(known, named, cmpopts.SortSlices(strings.Compare)); diff != "" {
		t.Errorf("variables of the configuration, and those that render.yaml names or leaves to their default (-want +got):\n%s", diff)
	}
}

func TestTheRenderBlueprintIsAConfigurationThatProductionStartsWith(t *testing.T) {
	t.Parallel()
	b := readBlueprint(t)
	got, err := config.Load(b.environ(t, ""))
	if err != nil {
		t.Fatalf("what Render makes of render.yaml is refused:\n%v", err)
	}
	if got.Env != config.Production || got.PublicURL != "https://sana-x1y2.onrender.com" || got.Port != 10000 || got.TrustedProxyHops != 2 {
		t.Errorf("got %s at %s, port %d, %d proxies", got.Env, got.PublicURL, got.Port, got.TrustedProxyHops)
	}
	if keys := got.Keys.All(); len(keys) != 1 || keys[0].ID == "" {
		t.Errorf("a generated key makes %d keys", len(keys))
	}
	if _, err := config.LoadMigrateDatabaseURL(b.environ(t, "")); err != nil {
		t.Errorf("the migration is refused: %v", err)
	}
	for _, v := range b.Services[0].EnvVars {
		if _, err := config.Load(b.environ(t, v.Key)); err == nil && v.Key != "APP_ENV" { // which says what it is about
			t.Errorf("%s need not be in render.yaml", v.Key)
		}
	}
}

func TestTheRenderBlueprintHoldsNoSecret(t *testing.T) {
	t.Parallel()
	for _, field := range reflect.VisibleFields(reflect.TypeFor[config.Config]()) {
		for _, v := range readBlueprint(t).Services[0].EnvVars {
			asked := strings.HasPrefix(v.Key, "MAIL")
			secret := field.Type == reflect.TypeFor[config.Secret]() && v.Key == field.Tag.Get("env")
			if (secret || asked) && (v.Value != nil || v.PreviewValue != nil) {
				t.Errorf("the value of %s is in render.yaml", v.Key)
			}
		}
	}
}

func TestTheRenderBlueprintMigratesBeforeTwoInstancesServe(t *testing.T) {
	t.Parallel()
	b := readBlueprint(t)
	service, database := b.Services[0], b.Databases[0]
	if service.Runtime != "docker" || service.NumInstances != 2 || service.HealthCheckPath != "/readyz" {
		t.Errorf("got %d instances of %s, asked at %s; want 2 of docker, at /readyz", service.NumInstances, service.Runtime, service.HealthCheckPath)
	}
	if service.PreDeployCommand != "/sana migrate" {
		t.Errorf("before a deploy: got %q, want the image's program and its command, without anything that a shell would read", service.PreDeployCommand)
	}
	if service.MaxShutdownDelay < 15 {
		t.Errorf("an instance gets %d s to end, want more than the 10 it may need", service.MaxShutdownDelay)
	}
	if database.Version != "18" || database.Region == "" || database.Region != service.Region {
		t.Errorf("got Postgres %s in %q for a service in %q", database.Version, database.Region, service.Region)
	}
	if database.IPAllowList == nil || len(*database.IPAllowList) > 0 {
		t.Error("the database can be reached from outside")
	}
}
