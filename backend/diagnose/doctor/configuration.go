package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sana/backend/diagnose"
	"sana/backend/keyring"
)

// Configuration returns a check for each fault, which begins with the variable's name, or one that says that there is none;
// and the variables that have one.
func Configuration(faults []string, environment string) (checks []diagnose.Check, broken []string) {
	if len(faults) == 0 {
		return []diagnose.Check{{Name: "configuration", Do: func(context.Context) diagnose.Result {
			return diagnose.OK("every variable can be used; APP_ENV is " + environment)
		}}}, nil
	}
	for _, fault := range faults {
		variable, _, _ := strings.Cut(fault, " ")
		found, do, split := strings.Cut(fault, "; ")
		if !split {
			do = "correct " + variable
		}
		broken = append(broken, variable)
		checks = append(checks, diagnose.Check{Name: "configuration", Do: func(context.Context) diagnose.Result { return diagnose.Fail(found, do) }})
	}
	return checks, broken
}

// rotateAfter is the age of a key, in days, after which we remind of rotating it.
const rotateAfter = 365

const howToRotate = "put the output of sana keys new and a comma in front of SECRET_KEYS; docs/security/keys.md has the other steps"

// Keys looks at the current key's age, which only its id can tell: nobody else keeps it.
func Keys(ring keyring.Ring, now func() time.Time) diagnose.Check {
	return diagnose.Check{Name: "keys", Needs: []string{"SECRET_KEYS"}, Do: func(context.Context) diagnose.Result { return judgeKeys(ring, now()) }}
}

func judgeKeys(ring keyring.Ring, now time.Time) diagnose.Result {
	current := ring.Current()
	found := fmt.Sprintf("%s; the first, %s, makes what is new", diagnose.Counted(len(ring.All()), "key", "keys"), current.ID)
	day, known := current.Day()
	age := int(now.Sub(day).Hours() / 24)
	switch {
	case !known:
		return diagnose.OK(found + "; age unknown: its id holds no date")
	case age < -1:
		return diagnose.Warn(found+" and is dated "+day.Format(time.DateOnly)+", which is still to come", "check the clock of this machine")
	case age > rotateAfter:
		return diagnose.Warn(fmt.Sprintf("%s and is %d days old", found, age), howToRotate)
	}
	return diagnose.OK(fmt.Sprintf("%s and is %s old", found, diagnose.Counted(max(age, 0), "day", "days")))
}
