package action

// BadInput marks an error as the fault of an input, so that the action ends
// with ExitBadInput. Use it for what only the action itself can check, such as
// two inputs that exclude each other, and before anything is changed. A nil
// error stays nil.
func BadInput(err error) error {
	if err == nil {
		return nil
	}
	return &badInputError{err}
}

type badInputError struct{ err error }

func (e *badInputError) Error() string { return e.err.Error() }

func (e *badInputError) Unwrap() error { return e.err }
