package wire

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
)

// decodeInput reads a request's body and bindings into a new SDK input struct and returns a pointer to it.
func (s *Service) decodeInput(op *operation, labels map[string]string, r *http.Request, body []byte) (any, error) {
	in := reflect.New(op.input)
	var err error
	switch s.Protocol {
	case JSON10, JSON11:
		err = s.decodeJSON(body, in.Elem())
	case RPCv2:
		err = decodeCBOR(body, in.Elem())
	case Query, EC2:
		var form url.Values
		if form, err = url.ParseQuery(string(body)); err == nil {
			err = s.decodeQuery(form, in.Elem())
		}
	case RESTJSON, RESTXML:
		if err = op.route.bind(in.Elem(), r, labels); err == nil {
			err = s.decodePayload(op, body, in.Elem())
		}
	}
	if err != nil {
		return nil, s.malformed(err)
	}
	if err := s.missing(in.Elem()); err != nil {
		return nil, err
	}
	return in.Interface(), nil
}

func (s *Service) decodePayload(op *operation, body []byte, in reflect.Value) error {
	if len(body) == 0 {
		return nil
	}
	if op.route.Payload != "" {
		in = in.FieldByName(op.route.Payload)
	}
	if s.Protocol == RESTJSON {
		return s.decodeJSON(body, in)
	}
	tree, err := parseXML(body)
	if err != nil {
		return err
	}
	return decode(in, tree, s.naming(), "")
}

// malformed is AWS's error for a body that does not parse: SerializationException of the JSON protocols,
// MalformedQueryString and MalformedXML of the others.
func (s *Service) malformed(err error) *Error {
	code := "SerializationException"
	switch s.Protocol {
	case Query, EC2:
		code = "MalformedQueryString"
	case RESTXML:
		code = "MalformedXML"
	}
	return Errorf(code, http.StatusBadRequest, "%v", err)
}

var contentTypes = map[Protocol]string{
	JSON10: "application/x-amz-json-1.0", JSON11: "application/x-amz-json-1.1", Query: "text/xml", EC2: "text/xml",
	RPCv2: "application/cbor", RESTJSON: "application/json", RESTXML: "application/xml",
}

// encodeOutput sends an SDK output struct.
func (s *Service) encodeOutput(w http.ResponseWriter, op *operation, out any, requestID string) {
	v := reflect.Indirect(reflect.ValueOf(out))
	status := http.StatusOK
	if op.route != nil {
		v = op.route.outputs(w.Header(), v)
		if op.route.Status != 0 {
			status = op.route.Status
		}
	}
	tree := encode(v, s.naming())
	var body []byte
	switch s.Protocol {
	case RPCv2:
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		body = cborBytes(tree)
	case Query:
		body = s.queryResult(op.name, tree, requestID)
	case EC2:
		body = s.ec2Result(op.name, tree, requestID)
	case RESTXML:
		body = s.restXML(v.Type().Name(), tree)
	default:
		body = appendJSON(nil, tree)
	}
	if status == http.StatusNoContent {
		body = nil
	}
	s.send(w, status, body)
}

// outputs writes the members that are headers and returns what is left for the body.
func (rt *route) outputs(header http.Header, out reflect.Value) reflect.Value {
	for field, name := range rt.OutHeaders {
		value := encode(out.FieldByName(field), asIs)
		if value != nil {
			header.Set(name, xmlScalar(value))
		}
	}
	if rt.OutPayload != "" {
		return reflect.Indirect(out.FieldByName(rt.OutPayload))
	}
	if len(rt.OutHeaders) == 0 {
		return out
	}
	body := reflect.New(out.Type()).Elem()
	body.Set(out)
	for field := range rt.OutHeaders {
		body.FieldByName(field).SetZero()
	}
	return body
}

func (s *Service) queryResult(op string, tree any, requestID string) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "<%sResponse xmlns=%q>", op, s.Namespace)
	appendXML(&out, op+"Result", "", tree, listElements[s.Name])
	fmt.Fprintf(&out, "<ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata></%sResponse>", requestID, op)
	return out.Bytes()
}

func (s *Service) restXML(root string, tree any) []byte {
	var out bytes.Buffer
	out.WriteString(xml.Header)
	appendXML(&out, strings.TrimSuffix(root, "Output")+"Result", "", tree, listElements[s.Name])
	return out.Bytes()
}

// encodeError sends an error in the service's protocol.
func (s *Service) encodeError(w http.ResponseWriter, e *Error, requestID string) {
	var body []byte
	fault := "Sender"
	if e.Status >= http.StatusInternalServerError {
		fault = "Receiver"
	}
	switch s.Protocol {
	case EC2:
		body = ec2Error(e, requestID)
	case Query, RESTXML:
		body = s.xmlError(e, fault, requestID)
	default:
		// The member is "message" in some models and "Message" in others; a client takes the one that it knows.
		tree := object{{name: "__type", value: e.Code}, {name: "message", value: e.Message}, {name: "Message", value: e.Message}}
		w.Header().Set("X-Amzn-ErrorType", e.Code)
		w.Header().Set("X-Amzn-Query-Error", e.Code+";"+fault)
		if s.Protocol == RPCv2 {
			w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
			body = cborBytes(tree)
		} else {
			body = appendJSON(nil, tree)
		}
	}
	s.send(w, e.Status, body)
}

// send writes the whole answer with its length: of a chunked one the SDK's XML readers leave the end unread, which costs
// them the connection.
func (s *Service) send(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", contentTypes[s.Protocol])
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has gone is no failure of ours
}

func (s *Service) xmlError(e *Error, fault, requestID string) []byte {
	tree := object{{name: "Type", value: fault}, {name: "Code", value: e.Code}, {name: "Message", value: e.Message}}
	var out bytes.Buffer
	if s.Name == "s3" { // S3 alone sends the bare element
		appendXML(&out, "Error", "", append(tree[1:], member{name: "RequestId", value: requestID}), nil)
		return out.Bytes()
	}
	fmt.Fprintf(&out, "<ErrorResponse xmlns=%q>", s.Namespace)
	appendXML(&out, "Error", "", tree, nil)
	fmt.Fprintf(&out, "<RequestId>%s</RequestId></ErrorResponse>", requestID)
	return out.Bytes()
}
