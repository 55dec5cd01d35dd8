package signin

import (
	"context"
	"fmt"
	"math"
	"time"

	"sana/backend/fault"
	"sana/backend/throttle"
)

// digits is the length of new codes of digits.
func (s *Service) digits(ctx context.Context) (int, error) {
	attacked, err := s.throttle.UnderAttack(ctx)
	if attacked {
		return max(s.codeLength, throttle.AttackLength), err
	}
	return s.codeLength, err
}

func errTooManyWrong(v throttle.Verdict) error {
	switch v.Refused.Name {
	case throttle.WrongInARow.Name:
		return fault.New(fault.CodeExpired,
			"There were too many wrong codes for this address, so this one is not taken any more. Ask for a new one; it will be longer.")
	case throttle.WrongByNetwork.Name:
		return errNetwork("wrong codes came", v.Wait)
	default:
		err := fault.New(fault.TooManyWrongCodes, fmt.Sprintf(
			"There were too many wrong codes for this address. Try again in %s; by then you may need a new code.", inWords(v.Wait)))
		err.RetryAfter = v.Wait
		return err
	}
}

func errNetwork(what string, wait time.Duration) error {
	err := fault.New(fault.TooManyRequests, fmt.Sprintf("Too many %s from your network. Try again in %s.", what, inWords(wait)))
	err.RetryAfter = wait
	return err
}

// inWords rounds up, so that whoever waits so long has waited enough.
func inWords(d time.Duration) string {
	count := func(n float64, unit string) string {
		if n == 1 {
			return "1 " + unit
		}
		return fmt.Sprintf("%.0f %ss", n, unit)
	}
	if minutes := math.Ceil(d.Minutes()); minutes < 60 {
		return count(max(1, minutes), "minute")
	}
	return count(math.Ceil(d.Hours()), "hour")
}
