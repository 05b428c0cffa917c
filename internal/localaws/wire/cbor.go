package wire

import (
	"fmt"
	"reflect"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
)

// decodeCBOR fills an SDK input from a Smithy RPC v2 body.
func decodeCBOR(body []byte, dst reflect.Value) error {
	if len(body) == 0 {
		return nil
	}
	value, err := cbor.Decode(body)
	if err != nil {
		return fmt.Errorf("the body is not CBOR: %w", err)
	}
	tree, err := fromCBOR(value)
	if err != nil {
		return err
	}
	return decode(dst, tree, asIs, "")
}

func fromCBOR(value cbor.Value) (any, error) {
	switch v := value.(type) {
	case cbor.Uint, cbor.NegInt:
		return cbor.AsInt64(v) //nolint:wrapcheck // the caller names the body
	case cbor.Float32:
		return float64(v), nil
	case cbor.Float64:
		return float64(v), nil
	case cbor.Bool:
		return bool(v), nil
	case cbor.String:
		return string(v), nil
	case cbor.Slice:
		return []byte(v), nil
	case *cbor.Tag:
		return cbor.AsTime(v) //nolint:wrapcheck // the caller names the body
	case cbor.List:
		return fromCBORList(v)
	case cbor.Map:
		return fromCBORMap(v)
	default:
		return nil, nil
	}
}

func fromCBORList(list cbor.List) (any, error) {
	out := make([]any, 0, len(list))
	for _, item := range list {
		value, err := fromCBOR(item)
		if err != nil {
			return nil, err
		}
		out = append(out, value)
	}
	return out, nil
}

func fromCBORMap(m cbor.Map) (any, error) {
	out := make(map[string]any, len(m))
	for key, item := range m {
		value, err := fromCBOR(item)
		if err != nil {
			return nil, err
		}
		out[key] = value
	}
	return out, nil
}

func toCBOR(value any) cbor.Value {
	switch v := value.(type) {
	case object:
		return toCBORMap(v)
	case entries:
		return toCBORMap(v)
	case []any:
		list := make(cbor.List, 0, len(v))
		for _, item := range v {
			list = append(list, toCBOR(item))
		}
		return list
	case string:
		return cbor.String(v)
	case bool:
		return cbor.Bool(v)
	case int64:
		if v < 0 {
			return cbor.NegInt(-v)
		}
		return cbor.Uint(v)
	case float64:
		return cbor.Float64(v)
	case time.Time:
		return &cbor.Tag{ID: 1, Value: cbor.Float64(float64(v.UnixMilli()) / 1000)}
	case []byte:
		return cbor.Slice(v)
	default:
		return &cbor.Nil{}
	}
}

func toCBORMap(members []member) cbor.Value {
	out := make(cbor.Map, len(members))
	for _, m := range members {
		out[m.name] = toCBOR(m.value)
	}
	return out
}

func cborBytes(tree any) []byte { return cbor.Encode(toCBOR(tree)) }
