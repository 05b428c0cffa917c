package contract

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// https://docs.aws.amazon.com/systems-manager/latest/APIReference/
var parameters = []contract{
	{"ssm", "put without overwrite is a lock", func(r *run) {
		c := ssm.NewFromConfig(r.cfg)
		in := &ssm.PutParameterInput{Name: aws.String("/lock/1"), Value: aws.String("a"), Type: types.ParameterTypeString}
		out, err := c.PutParameter(r, in)
		if r.ok("first put", err) {
			r.equal("version", out.Version, 1)
		}
		_, err = c.PutParameter(r, in)
		r.fails("second put", err, "ParameterAlreadyExists")
		in.Overwrite = aws.Bool(true)
		out, err = c.PutParameter(r, in)
		if r.ok("overwrite", err) {
			r.equal("version", out.Version, 2)
		}
	}},
	{"ssm", "versions and labels", func(r *run) {
		c := ssm.NewFromConfig(r.cfg)
		for i := range 3 {
			_, err := c.PutParameter(r, &ssm.PutParameterInput{Name: aws.String("/v/a"), Value: aws.String(fmt.Sprint("value", i+1)),
				Type: types.ParameterTypeString, Overwrite: aws.Bool(true)})
			r.ok("put", err)
		}
		_, err := c.LabelParameterVersion(r, &ssm.LabelParameterVersionInput{Name: aws.String("/v/a"),
			ParameterVersion: aws.Int64(2), Labels: []string{"good"}})
		r.ok("label", err)
		for name, want := range map[string]string{"/v/a": "value3", "/v/a:1": "value1", "/v/a:good": "value2"} {
			out, err := c.GetParameter(r, &ssm.GetParameterInput{Name: &name})
			if r.ok("get "+name, err) {
				r.equal(name, out.Parameter.Value, want)
			}
		}
		_, err = c.GetParameter(r, &ssm.GetParameterInput{Name: aws.String("/v/a:9")})
		r.fails("get a version that is not there", err, "ParameterVersionNotFound")
		history, err := c.GetParameterHistory(r, &ssm.GetParameterHistoryInput{Name: aws.String("/v/a")})
		if r.ok("history", err) {
			r.equal("versions", len(history.Parameters), 3)
			r.equal("labels of version 2", history.Parameters[1].Labels, []string{"good"})
		}
	}},
	{"ssm", "missing parameters", func(r *run) {
		c := ssm.NewFromConfig(r.cfg)
		_, err := c.GetParameter(r, &ssm.GetParameterInput{Name: aws.String("/no")})
		r.fails("get", err, "ParameterNotFound")
		_, err = c.GetParameterHistory(r, &ssm.GetParameterHistoryInput{Name: aws.String("/no")})
		r.fails("history", err, "ParameterNotFound")
		_, err = c.DeleteParameter(r, &ssm.DeleteParameterInput{Name: aws.String("/no")})
		r.fails("delete", err, "ParameterNotFound")
		got, err := c.GetParameters(r, &ssm.GetParametersInput{Names: []string{"/no"}})
		if r.ok("get several", err) {
			r.equal("invalid", got.InvalidParameters, []string{"/no"})
		}
		gone, err := c.DeleteParameters(r, &ssm.DeleteParametersInput{Names: []string{"/no"}})
		if r.ok("delete several", err) {
			r.equal("invalid", gone.InvalidParameters, []string{"/no"})
		}
	}},
	{"ssm", "hierarchies in pages", func(r *run) {
		c := ssm.NewFromConfig(r.cfg)
		for i := range 12 {
			_, err := c.PutParameter(r, &ssm.PutParameterInput{Name: aws.String(fmt.Sprintf("/tree/b/%02d", i)), Value: aws.String("x"),
				Type: types.ParameterTypeString})
			r.ok("put", err)
		}
		flat, err := c.GetParametersByPath(r, &ssm.GetParametersByPathInput{Path: aws.String("/tree")})
		if r.ok("not recursive", err) {
			r.equal("direct children", len(flat.Parameters), 0)
		}
		pages, names := 0, []string{}
		all := ssm.NewGetParametersByPathPaginator(c, &ssm.GetParametersByPathInput{Path: aws.String("/tree"), Recursive: aws.Bool(true)})
		for all.HasMorePages() {
			out, err := all.NextPage(r)
			if !r.ok("page", err) {
				return
			}
			pages++
			for _, p := range out.Parameters {
				names = append(names, *p.Name)
			}
		}
		r.equal("pages", pages, 2)
		r.equal("parameters", len(names), 12)
		_, err = c.GetParametersByPath(r, &ssm.GetParametersByPathInput{Path: aws.String("tree")})
		r.fails("a path without slash", err, "ValidationException")
	}},
	{"ssm", "refused values", func(r *run) {
		c := ssm.NewFromConfig(r.cfg)
		put := func(name, value string, kind types.ParameterType) error {
			_, err := c.PutParameter(r, &ssm.PutParameterInput{Name: &name, Value: &value, Type: kind})
			return err
		}
		r.fails("no type", put("/r/1", "x", ""), "ValidationException")
		r.fails("too long", put("/r/2", strings.Repeat("x", 4097), types.ParameterTypeString), "ValidationException")
		r.fails("not qualified", put("r/3", "x", types.ParameterTypeString), "ValidationException")
		r.fails("a wrong type", put("/r/4", "x", "Number"), "ValidationException")
		r.ok("4096 characters", put("/r/5", strings.Repeat("x", 4096), types.ParameterTypeString))
	}},
	{"ssm", "secure strings", func(r *run) {
		c := ssm.NewFromConfig(r.cfg)
		_, err := c.PutParameter(r, &ssm.PutParameterInput{Name: aws.String("/s/a"), Value: aws.String("hidden"),
			Type: types.ParameterTypeSecureString})
		r.ok("put", err)
		shut, err := c.GetParameter(r, &ssm.GetParameterInput{Name: aws.String("/s/a")})
		if r.ok("get", err) {
			r.equal("plain without decryption", *shut.Parameter.Value == "hidden", false)
		}
		open, err := c.GetParameter(r, &ssm.GetParameterInput{Name: aws.String("/s/a"), WithDecryption: aws.Bool(true)})
		if r.ok("get with decryption", err) {
			r.equal("value", open.Parameter.Value, "hidden")
		}
	}},
	{"ssm", "describe by filter, and tags", func(r *run) {
		c := ssm.NewFromConfig(r.cfg)
		_, err := c.PutParameter(r, &ssm.PutParameterInput{Name: aws.String("/d/a"), Value: aws.String("x"),
			Type: types.ParameterTypeString, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("red")}}})
		r.ok("put", err)
		tags := &ssm.AddTagsToResourceInput{ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: aws.String("/d/a"),
			Tags: []types.Tag{{Key: aws.String("env"), Value: aws.String("dev")}}}
		_, err = c.AddTagsToResource(r, tags)
		r.ok("add a tag", err)
		_, err = c.RemoveTagsFromResource(r, &ssm.RemoveTagsFromResourceInput{ResourceType: types.ResourceTypeForTaggingParameter,
			ResourceId: aws.String("/d/a"), TagKeys: []string{"team"}})
		r.ok("remove a tag", err)
		list, err := c.ListTagsForResource(r, &ssm.ListTagsForResourceInput{ResourceType: types.ResourceTypeForTaggingParameter,
			ResourceId: aws.String("/d/a")})
		if r.ok("list tags", err) && len(list.TagList) == 1 {
			r.equal("tag", list.TagList[0].Key, "env")
		}
		for _, f := range []types.ParameterStringFilter{
			{Key: aws.String("Name"), Option: aws.String("BeginsWith"), Values: []string{"/d/"}},
			{Key: aws.String("Path"), Option: aws.String("Recursive"), Values: []string{"/d"}},
			{Key: aws.String("tag:env"), Values: []string{"dev"}},
		} {
			out, err := c.DescribeParameters(r, &ssm.DescribeParametersInput{ParameterFilters: []types.ParameterStringFilter{f}})
			if r.ok("describe by "+*f.Key, err) {
				r.equal("found by "+*f.Key, len(out.Parameters), 1)
			}
		}
		_, err = c.DescribeParameters(r, &ssm.DescribeParametersInput{ParameterFilters: []types.ParameterStringFilter{
			{Key: aws.String("Nonsense"), Values: []string{"x"}}}})
		r.fails("a filter that is none", err, "InvalidFilterKey", "ValidationException")
		tags.ResourceId = aws.String("/no")
		_, err = c.AddTagsToResource(r, tags)
		r.fails("tag what is not there", err, "InvalidResourceId")
		gone, err := c.DeleteParameters(r, &ssm.DeleteParametersInput{Names: []string{"/d/a"}})
		if r.ok("delete", err) {
			r.equal("deleted", gone.DeletedParameters, []string{"/d/a"})
		}
	}},
}
