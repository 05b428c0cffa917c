package contract

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

const template = `{"Parameters":{"Text":{"Type":"String","Default":"one"}},"Resources":{"Words":{"Type":"AWS::SSM::Parameter",` +
	`"Properties":{"Name":"/stack/words","Type":"String","Value":{"Ref":"Text"}}}},"Outputs":{"Name":{"Value":{"Ref":"Words"}}}}`

// other is a second template, so that two stacks do not own the same parameter.
var other = strings.ReplaceAll(template, "/stack/words", "/stack/direct")

func (r *run) stackStatus(c *cloudformation.Client, name, want string) bool {
	return r.until(name+" is "+want, func() (bool, error) {
		out, err := c.DescribeStacks(r, &cloudformation.DescribeStacksInput{StackName: &name})
		if err != nil {
			return false, err
		}
		return string(out.Stacks[0].StackStatus) == want, nil
	})
}

func (r *run) changeSet(c *cloudformation.Client, in *cloudformation.CreateChangeSetInput) *cloudformation.DescribeChangeSetOutput {
	if _, err := c.CreateChangeSet(r, in); !r.ok("create change set "+*in.ChangeSetName, err) {
		return nil
	}
	var out *cloudformation.DescribeChangeSetOutput
	r.until("change set "+*in.ChangeSetName+" is there", func() (bool, error) {
		var err error
		out, err = c.DescribeChangeSet(r, &cloudformation.DescribeChangeSetInput{StackName: in.StackName, ChangeSetName: in.ChangeSetName})
		return err == nil && (out.Status == types.ChangeSetStatusCreateComplete || out.Status == types.ChangeSetStatusFailed), err
	})
	return out
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/
var stacks = []contract{
	{"cloudformation", "a stack made by a change set", func(r *run) {
		c := cloudformation.NewFromConfig(r.cfg)
		name := aws.String("app")
		in := &cloudformation.CreateChangeSetInput{StackName: name, ChangeSetName: aws.String("first"),
			ChangeSetType: types.ChangeSetTypeCreate, TemplateBody: aws.String(template)}
		if set := r.changeSet(c, in); set == nil || !r.stackStatus(c, "app", "REVIEW_IN_PROGRESS") {
			return
		}
		_, err := c.ExecuteChangeSet(r, &cloudformation.ExecuteChangeSetInput{StackName: name, ChangeSetName: in.ChangeSetName})
		if !r.ok("execute", err) || !r.stackStatus(c, "app", "CREATE_COMPLETE") {
			return
		}
		again := &cloudformation.CreateChangeSetInput{StackName: name, ChangeSetName: aws.String("same"),
			ChangeSetType: types.ChangeSetTypeUpdate, TemplateBody: aws.String(template)}
		if set := r.changeSet(c, again); set != nil {
			r.equal("status without changes", set.Status, "FAILED")
			r.equal("the reason says so", strings.HasPrefix(aws.ToString(set.StatusReason), "The submitted information didn't contain changes"), true)
		}
		events, err := c.DescribeStackEvents(r, &cloudformation.DescribeStackEventsInput{StackName: name})
		if r.ok("events", err) {
			r.equal("some events", len(events.StackEvents) > 0, true)
		}
		resources, err := c.DescribeStackResources(r, &cloudformation.DescribeStackResourcesInput{StackName: name})
		if r.ok("resources", err) {
			r.equal("resources", len(resources.StackResources), 1)
		}
	}},
	{"cloudformation", "an update by a change set", func(r *run) {
		c := cloudformation.NewFromConfig(r.cfg)
		name := aws.String("app")
		set := r.changeSet(c, &cloudformation.CreateChangeSetInput{StackName: name, ChangeSetName: aws.String("second"),
			ChangeSetType: types.ChangeSetTypeUpdate, TemplateBody: aws.String(template),
			Parameters: []types.Parameter{{ParameterKey: aws.String("Text"), ParameterValue: aws.String("two")}}})
		if set == nil {
			return
		}
		r.equal("changes", len(set.Changes), 1)
		_, err := c.ExecuteChangeSet(r, &cloudformation.ExecuteChangeSetInput{StackName: name, ChangeSetName: aws.String("second")})
		r.ok("execute", err)
		r.stackStatus(c, "app", "UPDATE_COMPLETE")
		_, err = c.DeleteStack(r, &cloudformation.DeleteStackInput{StackName: name})
		r.ok("delete", err)
	}},
	{"cloudformation", "missing stacks", func(r *run) {
		c := cloudformation.NewFromConfig(r.cfg)
		_, err := c.DescribeStacks(r, &cloudformation.DescribeStacksInput{StackName: aws.String("no")})
		r.fails("describe", err, "ValidationError")
		_, err = c.DeleteStack(r, &cloudformation.DeleteStackInput{StackName: aws.String("no")})
		r.ok("delete", err)
		_, err = c.ValidateTemplate(r, &cloudformation.ValidateTemplateInput{TemplateBody: aws.String("{")})
		r.fails("a template that is none", err, "ValidationError")
	}},
	{"cloudformation", "a stack without change sets", func(r *run) {
		c := cloudformation.NewFromConfig(r.cfg)
		name := aws.String("direct")
		_, err := c.CreateStack(r, &cloudformation.CreateStackInput{StackName: name, TemplateBody: aws.String(other)})
		if !r.ok("create", err) || !r.stackStatus(c, *name, "CREATE_COMPLETE") {
			return
		}
		_, err = c.CreateStack(r, &cloudformation.CreateStackInput{StackName: name, TemplateBody: aws.String(other)})
		r.fails("create twice", err, "AlreadyExistsException")
		got, err := c.GetTemplate(r, &cloudformation.GetTemplateInput{StackName: name})
		if r.ok("get the template", err) {
			r.equal("the template is as it was given", *got.TemplateBody == other, true)
		}
		resources, err := c.ListStackResources(r, &cloudformation.ListStackResourcesInput{StackName: name})
		if r.ok("list resources", err) {
			r.equal("resources", len(resources.StackResourceSummaries), 1)
		}
		all, err := c.ListStacks(r, &cloudformation.ListStacksInput{StackStatusFilter: []types.StackStatus{types.StackStatusCreateComplete}})
		if r.ok("list", err) {
			r.equal("stacks", len(all.StackSummaries), 1)
		}
		_, err = c.UpdateStack(r, &cloudformation.UpdateStackInput{StackName: name, TemplateBody: aws.String(other)})
		r.fails("update without a change", err, "ValidationError")
		_, err = c.UpdateTerminationProtection(r, &cloudformation.UpdateTerminationProtectionInput{StackName: name,
			EnableTerminationProtection: aws.Bool(true)})
		r.ok("protect", err)
		_, err = c.DeleteStack(r, &cloudformation.DeleteStackInput{StackName: name})
		r.fails("delete what is protected", err, "ValidationError")
	}},
	{"cloudformation", "a change set that is dropped", func(r *run) {
		c := cloudformation.NewFromConfig(r.cfg)
		name := aws.String("draft")
		in := &cloudformation.CreateChangeSetInput{StackName: name, ChangeSetName: aws.String("first"),
			ChangeSetType: types.ChangeSetTypeCreate, TemplateBody: aws.String(template)}
		if r.changeSet(c, in) == nil {
			return
		}
		sets, err := c.ListChangeSets(r, &cloudformation.ListChangeSetsInput{StackName: name})
		if r.ok("list", err) {
			r.equal("change sets", len(sets.Summaries), 1)
		}
		_, err = c.DeleteChangeSet(r, &cloudformation.DeleteChangeSetInput{StackName: name, ChangeSetName: in.ChangeSetName})
		r.ok("delete", err)
		_, err = c.DescribeChangeSet(r, &cloudformation.DescribeChangeSetInput{StackName: name, ChangeSetName: in.ChangeSetName})
		r.fails("describe what is gone", err, "ChangeSetNotFound")
	}},
}
