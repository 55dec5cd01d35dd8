package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sana/backend/diagnose"
	"sana/backend/keyring"
)

// Configuration returns a check for each fault, named after its variable, or one passed check if
// there is none; and the variables that have a fault.
func Configuration(faults []string, environment string) (checks []diagnose.Check, broken []string) {
	if len(faults) == 0 {
		return []diagnose.Check{{Name: "configuration", Do: func(context.Context) diagnose.Result {
			return diagnose.OK("every variable is valid; APP_ENV is " + environment)
		}}}, nil
	}
	for _, fault := range faults {
		variable, _, _ := strings.Cut(fault, " ")
		detail, do, split := strings.Cut(fault, "; ")
		if !split {
			do = "correct " + variable
		}
		broken = append(broken, variable)
		checks = append(checks, diagnose.Check{Name: "configuration",
			Do: func(context.Context) diagnose.Result { return diagnose.Fail(detail, do) }})
	}
	return checks, broken
}

// rotateAfter is the age of a key, in days, after which the check recommends a rotation.
const rotateAfter = 365

const howToRotate = "put the output of sana keys new and a comma before the value of " +
	"SECRET_KEYS; docs/security/keys.md has the other steps"

// Keys checks the age of the current key. The key's id is the only record of it.
func Keys(ring keyring.Ring, now func() time.Time) diagnose.Check {
	return diagnose.Check{
		Name:  "keys",
		Needs: []string{"SECRET_KEYS"},
		Do:    func(context.Context) diagnose.Result { return judgeKeys(ring, now()) },
	}
}

func judgeKeys(ring keyring.Ring, now time.Time) diagnose.Result {
	current := ring.Current()
	detail := fmt.Sprintf("%s; the current one is %s",
		diagnose.Counted(len(ring.All()), "key", "keys"), current.ID)
	day, known := current.Day()
	age := int(now.Sub(day).Hours() / 24)
	switch {
	case !known:
		return diagnose.OK(detail + "; age unknown: its id has no date")
	case age < -1:
		return diagnose.Warn(
			detail+" and is dated "+day.Format(time.DateOnly)+", which is in the future",
			"check the clock of this machine")
	case age > rotateAfter:
		return diagnose.Warn(fmt.Sprintf("%s and is %d days old", detail, age), howToRotate)
	}
	return diagnose.OK(
		fmt.Sprintf("%s and is %s old", detail, diagnose.Counted(max(age, 0), "day", "days")))
}
