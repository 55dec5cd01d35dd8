package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sana/backend/keyring"
)

// Configuration returns a check for each fault, which begins with the variable's name, or one that says that there is none;
// and the variables that have one.
func Configuration(faults []string, environment string) (checks []Check, broken []string) {
	if len(faults) == 0 {
		return []Check{{Name: "configuration", Do: func(context.Context) Result {
			return ok("every variable can be used; APP_ENV is " + environment)
		}}}, nil
	}
	for _, fault := range faults {
		variable, _, _ := strings.Cut(fault, " ")
		found, do, split := strings.Cut(fault, "; ")
		if !split {
			do = "correct " + variable
		}
		broken = append(broken, variable)
		checks = append(checks, Check{Name: "configuration", Do: func(context.Context) Result { return fail(found, do) }})
	}
	return checks, broken
}

// rotateAfter is the age of a key, in days, after which we remind of rotating it.
const rotateAfter = 365

const howToRotate = "put the output of sana keys new and a comma in front of SECRET_KEYS; SECURITY.md, How to rotate them, has the rest"

// Keys looks at the current key's age, which only its id can tell: nobody else keeps it.
func Keys(ring keyring.Ring, now func() time.Time) Check {
	return Check{Name: "keys", Needs: []string{"SECRET_KEYS"}, Do: func(context.Context) Result { return judgeKeys(ring, now()) }}
}

func judgeKeys(ring keyring.Ring, now time.Time) Result {
	current := ring.Current()
	found := fmt.Sprintf("%s; the first, %s, makes what is new", counted(len(ring.All()), "key", "keys"), current.ID)
	day, known := current.Day()
	age := int(now.Sub(day).Hours() / 24)
	switch {
	case !known:
		return ok(found + "; age unknown: its id holds no date")
	case age < -1:
		return warn(found+" and is dated "+day.Format(time.DateOnly)+", which is still to come", "check the clock of this machine")
	case age > rotateAfter:
		return warn(fmt.Sprintf("%s and is %d days old", found, age), howToRotate)
	}
	return ok(fmt.Sprintf("%s and is %s old", found, counted(max(age, 0), "day", "days")))
}
