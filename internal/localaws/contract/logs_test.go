package contract

import (
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/
var logContracts = []contract{
	{"logs", "groups, retention, tags", func(r *run) {
		c := cloudwatchlogs.NewFromConfig(r.cfg)
		name := aws.String("/app/web")
		_, err := c.CreateLogGroup(r, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: name, Tags: map[string]string{"a": "1"}})
		r.ok("create", err)
		_, err = c.CreateLogGroup(r, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: name})
		r.fails("create twice", err, "ResourceAlreadyExistsException")
		_, err = c.PutRetentionPolicy(r, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: name, RetentionInDays: aws.Int32(14)})
		r.ok("retention", err)
		out, err := c.DescribeLogGroups(r, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String("/app/")})
		if !r.ok("describe", err) || len(out.LogGroups) != 1 {
			r.equal("groups", len(out.LogGroups), 1)
			return
		}
		r.equal("retention", out.LogGroups[0].RetentionInDays, 14)
		_, err = c.DeleteRetentionPolicy(r, &cloudwatchlogs.DeleteRetentionPolicyInput{LogGroupName: name})
		r.ok("no retention", err)
		arn := out.LogGroups[0].LogGroupArn
		if arn == nil {
			arn = aws.String((*out.LogGroups[0].Arn)[:len(*out.LogGroups[0].Arn)-2])
		}
		_, err = c.TagResource(r, &cloudwatchlogs.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"b": "2"}})
		r.ok("tag", err)
		_, err = c.UntagResource(r, &cloudwatchlogs.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"a"}})
		r.ok("untag", err)
		tags, err := c.ListTagsForResource(r, &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: arn})
		if r.ok("list tags", err) {
			r.equal("tags", tags.Tags, map[string]string{"b": "2"})
		}
		_, err = c.DeleteLogGroup(r, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: name})
		r.ok("delete", err)
		_, err = c.DeleteLogGroup(r, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: name})
		r.fails("delete twice", err, "ResourceNotFoundException")
	}},
	{"logs", "events in order, the last ones first read", func(r *run) {
		c := cloudwatchlogs.NewFromConfig(r.cfg)
		group, stream := aws.String("/app/events"), aws.String("web/web/1")
		_, err := c.CreateLogGroup(r, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: group})
		r.ok("create the group", err)
		_, err = c.CreateLogStream(r, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: group, LogStreamName: stream})
		r.ok("create the stream", err)
		_, err = c.CreateLogStream(r, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: group, LogStreamName: stream})
		r.fails("create the stream twice", err, "ResourceAlreadyExistsException")
		now := time.Now().UnixMilli()
		var batch []types.InputLogEvent
		for i := range 5 {
			batch = append(batch, types.InputLogEvent{Timestamp: aws.Int64(now + int64(i)), Message: aws.String(fmt.Sprint("line ", i))})
		}
		_, err = c.PutLogEvents(r, &cloudwatchlogs.PutLogEventsInput{LogGroupName: group, LogStreamName: stream, LogEvents: batch})
		r.ok("put", err)
		tail, err := c.GetLogEvents(r, &cloudwatchlogs.GetLogEventsInput{LogGroupName: group, LogStreamName: stream, Limit: aws.Int32(2)})
		if r.ok("tail", err) && len(tail.Events) == 2 {
			r.equal("last line", tail.Events[1].Message, "line 4")
		} else {
			r.equal("lines", len(tail.Events), 2)
		}
		head, err := c.GetLogEvents(r, &cloudwatchlogs.GetLogEventsInput{LogGroupName: group, LogStreamName: stream,
			StartFromHead: aws.Bool(true)})
		if r.ok("head", err) && len(head.Events) == 5 {
			r.equal("first line", head.Events[0].Message, "line 0")
		} else {
			r.equal("lines", len(head.Events), 5)
		}
		end, err := c.GetLogEvents(r, &cloudwatchlogs.GetLogEventsInput{LogGroupName: group, LogStreamName: stream,
			StartFromHead: aws.Bool(true), NextToken: head.NextForwardToken})
		if r.ok("the end", err) {
			r.equal("token at the end", end.NextForwardToken, *head.NextForwardToken)
		}
		found, err := c.FilterLogEvents(r, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: group, FilterPattern: aws.String("3")})
		if r.ok("filter", err) {
			r.equal("found", len(found.Events), 1)
		}
		streams, err := c.DescribeLogStreams(r, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: group,
			LogStreamNamePrefix: aws.String("web/")})
		if r.ok("describe streams", err) {
			r.equal("streams", len(streams.LogStreams), 1)
		}
		_, err = c.DeleteLogStream(r, &cloudwatchlogs.DeleteLogStreamInput{LogGroupName: group, LogStreamName: stream})
		r.ok("delete the stream", err)
		_, err = c.GetLogEvents(r, &cloudwatchlogs.GetLogEventsInput{LogGroupName: group, LogStreamName: stream})
		r.fails("read what is gone", err, "ResourceNotFoundException")
		_, err = c.GetLogEvents(r, &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("/no"), LogStreamName: stream})
		r.fails("read a group that is not there", err, "ResourceNotFoundException")
	}},
}
