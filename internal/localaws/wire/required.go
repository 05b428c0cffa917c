package wire

import (
	"net/http"
	"path"
	"reflect"
)

// missing is AWS's error for an input that lacks a member which its operation demands, or nil. The SDKs look for that
// themselves; other clients do not.
func (s *Service) missing(in reflect.Value) error {
	t := in.Type()
	for _, field := range required[path.Base(t.PkgPath())+"."+t.Name()] {
		switch v := in.FieldByName(field); v.Kind() {
		case reflect.Pointer, reflect.Map, reflect.Interface:
			if v.IsNil() {
				return s.lacks(s.naming()(t.Name(), field))
			}
		case reflect.Slice: // a form cannot tell an empty list from none
			if v.IsNil() && s.Protocol != Query && s.Protocol != EC2 {
				return s.lacks(s.naming()(t.Name(), field))
			}
		case reflect.String: // an enum
			if v.Len() == 0 {
				return s.lacks(s.naming()(t.Name(), field))
			}
		}
	}
	return nil
}

// lacks says it as the service does. RDS: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/CommonErrors.html; the
// codes of the others are in their API models.
func (s *Service) lacks(member string) error {
	code := "ValidationException"
	switch s.Name {
	case "rds", "ec2":
		return Errorf("MissingParameter", http.StatusBadRequest, "The request must contain the parameter %s.", member)
	case "ecs", "ecr", "logs", "secretsmanager", "tagging":
		code = "InvalidParameterException"
	case "ses":
		code = "BadRequestException"
	case "sns":
		code = "InvalidParameter"
	case "cloudformation", "elasticloadbalancing", "iam", "monitoring", "sts":
		code = "ValidationError"
	}
	return Errorf(code, http.StatusBadRequest,
		"1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", lowerFirst(member))
}
