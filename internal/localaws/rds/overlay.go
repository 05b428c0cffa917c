package rds

import "reflect"

// overlay sets every field of *dst that *src has under the same name and type
// and that is set there. The SDK's inputs and descriptions of a database share
// most of their fields.
func overlay(dst, src any) {
	to, from := reflect.ValueOf(dst).Elem(), reflect.ValueOf(src).Elem()
	for i := range from.NumField() {
		field := from.Type().Field(i)
		target := to.FieldByName(field.Name)
		if !field.IsExported() || !target.IsValid() || target.Type() != field.Type || from.Field(i).IsZero() {
			continue
		}
		target.Set(from.Field(i))
	}
}
