package wire

import (
	"bytes"
	"fmt"
	"strings"
)

// EC2 speaks a Query of its own: https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html. What differs from the
// names of the SDK's fields stands nowhere in its types, and so here.
var ec2Names = map[string]string{
	"CreateSecurityGroupInput.Description":        "GroupDescription",
	"DescribeSecurityGroupsInput.Filters":         "Filter",
	"DescribeSecurityGroupsInput.GroupIds":        "GroupId",
	"DescribeSecurityGroupsInput.GroupNames":      "GroupName",
	"DescribeSecurityGroupsOutput.SecurityGroups": "securityGroupInfo",
	"Filter.Values":             "Value",
	"SecurityGroup.Description": "groupDescription",
}

// ec2Name begins with the upper case in requests and with the lower in answers.
func ec2Name(owner, field string) string {
	if name := ec2Names[owner+"."+field]; name != "" {
		return name
	}
	if strings.HasSuffix(owner, "Input") || owner == "Filter" {
		return field
	}
	return lowerFirst(field)
}

// ec2Items are the names of list items: all are called item.
var ec2Items = map[string]string{anyList: "item"}

// ec2Result has the members beside the request's ID, without a wrapper.
func (s *Service) ec2Result(op string, tree any, requestID string) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "<%sResponse xmlns=%q><requestId>%s</requestId>", op, s.Namespace, requestID)
	members, _ := tree.(object)
	for _, m := range members {
		appendXML(&out, m.name, m.field, m.value, ec2Items)
	}
	fmt.Fprintf(&out, "</%sResponse>", op)
	return out.Bytes()
}

// ec2Error is in a list, though there is one only.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html#api-error-response
func ec2Error(e *Error, requestID string) []byte {
	var out bytes.Buffer
	out.WriteString("<Response><Errors>")
	appendXML(&out, "Error", "", object{{name: "Code", value: e.Code}, {name: "Message", value: e.Message}}, nil)
	fmt.Fprintf(&out, "</Errors><RequestID>%s</RequestID></Response>", requestID)
	return out.Bytes()
}
