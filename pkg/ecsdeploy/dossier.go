package ecsdeploy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/ecsdeploy/taskdef"
)

// Dossier is what is known of why a deployment failed.
type Dossier struct {
	// Causes are groups of stopped tasks, the most frequent first.
	Causes []Cause
	// Targets count unhealthy targets of the load balancer by reason.
	Targets []TargetHealth
	// Events are messages of the service that tell of trouble, oldest first.
	Events []string
	// Missing are parts that could not be read, with the permission to add.
	Missing diag.List
}

// TargetHealth is a number of targets in one state.
type TargetHealth struct {
	State, Reason, Description string
	Count                      int
}

// Empty tells whether nothing is known.
func (d Dossier) Empty() bool { return len(d.Causes) == 0 && len(d.Targets) == 0 && len(d.Events) == 0 }

// why is the most frequent cause in one phrase, "" if no cause tells.
func (d Dossier) why() string {
	for _, cause := range d.Causes {
		switch cause.Kind {
		case KindAlarm: // who rolled back names it already
			return cause.Reason
		case KindInterruption, KindOther:
		default:
			return cause.alike()
		}
	}
	return ""
}

// failures returns the causes of the tasks that one deployment lost.
func failures(ctx context.Context, c *Clients, s *ServicePlan, deploymentID, taskDefinition string) ([]Cause, error) {
	list, err := c.Tasks.ListTasks(ctx, &ecs.ListTasksInput{
		Cluster: aws.String(s.Cluster), ServiceName: aws.String(s.Name), DesiredStatus: types.DesiredStatusStopped,
	})
	if err != nil {
		return nil, fmt.Errorf("list stopped tasks of service %s: %w", s.Name, err)
	}
	var tasks []types.Task
	for chunk := range slices.Chunk(list.TaskArns, 100) {
		out, err := c.Tasks.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: aws.String(s.Cluster), Tasks: chunk})
		if err != nil {
			return nil, fmt.Errorf("describe stopped tasks of service %s: %w", s.Name, err)
		}
		tasks = append(tasks, out.Tasks...)
	}
	tasks = slices.DeleteFunc(tasks, func(t types.Task) bool {
		ours := aws.ToString(t.StartedBy) == deploymentID
		if deploymentID == "" {
			ours = aws.ToString(t.TaskDefinitionArn) == taskDefinition
		}
		return !ours || orderly(t)
	})
	return group(tasks), nil
}

// orderly tells whether a task was only scaled in, or is still on its way.
func orderly(t types.Task) bool {
	return strings.Contains(aws.ToString(t.StoppedReason), "Scaling activity initiated by") ||
		t.StopCode == types.TaskStopCodeUserInitiated || (t.StopCode == "" && aws.ToString(t.StoppedReason) == "")
}

// group puts tasks of the same cause together, the most frequent first; each
// group tells of its newest task.
func group(tasks []types.Task) []Cause {
	slices.SortStableFunc(tasks, func(a, b types.Task) int { return deref(b.StoppedAt).Compare(deref(a.StoppedAt)) })
	var causes []Cause
	for _, task := range tasks {
		cause := classify(task)
		i := slices.IndexFunc(causes, cause.same)
		if i < 0 {
			causes = append(causes, cause)
			continue
		}
		causes[i].Count++
	}
	slices.SortStableFunc(causes, func(a, b Cause) int { return b.Count - a.Count })
	return causes
}

// dossier completes causes with logs, target health and events.
func (f *follower) dossier(ctx context.Context) Dossier {
	d := Dossier{}
	causes, err := failures(ctx, f.c, f.s, f.deploymentID, f.definition)
	if err != nil {
		d.Missing.Add(unchecked("why tasks of service "+f.s.Name+" stopped", "ecs:ListTasks and ecs:DescribeTasks", f.s.Cluster, err))
		causes = f.causes
	}
	d.Causes = causes
	for i := range d.Causes[:min(len(d.Causes), 3)] {
		if err := f.log(ctx, &d.Causes[i]); err != nil {
			d.Missing.Add(unchecked("the log of container "+d.Causes[i].Container, "logs:GetLogEvents", d.Causes[i].LogStream, err))
		}
		refine(&d.Causes[i], f.target)
	}
	targets, err := f.targetHealth(ctx)
	if err != nil {
		d.Missing.Add(unchecked("the load balancer's targets", "elasticloadbalancing:DescribeTargetHealth", "*", err))
	}
	d.Targets = mergeTargets(f.targets, targets)
	d.Events = f.troubles()
	if len(d.Causes) == 0 && len(d.Targets) > 0 {
		d.Causes = []Cause{targetCause(d.Targets[0])}
	}
	if cause, ok := f.unplaced(); ok && len(d.Causes) == 0 {
		d.Causes = []Cause{cause}
	}
	if len(f.last.Alarms) > 0 {
		cause, err := f.alarmCause(ctx)
		if err != nil {
			d.Missing.Add(unchecked("why the alarm went off", "cloudwatch:DescribeAlarms", "*", err))
		}
		d.Causes = append([]Cause{cause}, d.Causes...)
	}
	return d
}

// log reads the end of the log of a cause's container.
func (f *follower) log(ctx context.Context, cause *Cause) error {
	group, stream, region := logStream(f.target, cause.Container, cause.Task)
	if group == "" || f.wait.LogLines == 0 {
		return nil
	}
	cause.LogStream = group + " " + stream
	out, err := f.c.Logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{
		LogGroupName: aws.String(group), LogStreamName: aws.String(stream), StartFromHead: aws.Bool(false),
		Limit: aws.Int32(int32(min(f.wait.LogLines, 10_000))), //nolint:gosec // bounded by min
	}, inRegion(region))
	if err != nil {
		if hasCode(err, "ResourceNotFoundException") {
			return nil // the container wrote nothing
		}
		return fmt.Errorf("read log stream %s: %w", stream, err)
	}
	for _, event := range out.Events {
		cause.Log = append(cause.Log, strings.TrimRight(aws.ToString(event.Message), "\n"))
	}
	return nil
}

// withoutLog is the remedy where there is no log to see.
func withoutLog(container string, d *taskdef.Document) string {
	if d == nil {
		return "run the image locally with the same variables"
	}
	if driver, options := d.LogOptions(container); driver != "awslogs" || options["awslogs-stream-prefix"] == "" {
		return "give the container the log driver awslogs with a stream prefix: then the end of its log is shown here; " +
			"run the image locally with the same variables"
	}
	return "run the image locally with the same variables: its log was not read, or the container wrote none"
}

// logStream names where the awslogs driver writes,
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html.
func logStream(d *taskdef.Document, container, task string) (group, stream, region string) {
	if d == nil || container == "" || task == "" {
		return "", "", ""
	}
	driver, options := d.LogOptions(container)
	if driver != "awslogs" || options["awslogs-stream-prefix"] == "" {
		return "", "", ""
	}
	return options["awslogs-group"], options["awslogs-stream-prefix"] + "/" + container + "/" + task, options["awslogs-region"]
}

func inRegion(region string) func(*cloudwatchlogs.Options) {
	return func(o *cloudwatchlogs.Options) {
		if region != "" {
			o.Region = region
		}
	}
}

// refine sharpens a cause by what its log says, or that there is none.
func refine(c *Cause, d *taskdef.Document) {
	if c.Kind != KindExit && c.Kind != KindStart {
		return
	}
	if strings.Contains(strings.ToLower(strings.Join(c.Log, "\n")), "exec format error") {
		c.Kind = KindPlatform
		c.Sentence, c.Try = explain(*c, "")
	}
	if len(c.Log) == 0 && c.Try == tryLog {
		c.Try = withoutLog(c.Container, d)
	}
}

// targetHealth counts the service's unhealthy targets by reason.
func (f *follower) targetHealth(ctx context.Context) ([]TargetHealth, error) {
	var out []TargetHealth
	balancers := slices.Clone(f.s.service.LoadBalancers)
	for _, set := range f.s.service.TaskSets {
		balancers = append(balancers, set.LoadBalancers...)
	}
	for _, lb := range balancers {
		for _, arn := range []*string{lb.TargetGroupArn, deref(lb.AdvancedConfiguration).AlternateTargetGroupArn} {
			if arn == nil {
				continue
			}
			health, err := f.c.Targets.DescribeTargetHealth(ctx, &elasticloadbalancingv2.DescribeTargetHealthInput{TargetGroupArn: arn})
			if err != nil {
				return out, fmt.Errorf("describe targets of %s: %w", shortARN(*arn), err)
			}
			for _, target := range health.TargetHealthDescriptions {
				h := deref(target.TargetHealth)
				if h.State == elbtypes.TargetHealthStateEnumUnhealthy {
					out = mergeTargets(out, []TargetHealth{{
						State: string(h.State), Reason: string(h.Reason), Description: aws.ToString(h.Description), Count: 1,
					}})
				}
			}
		}
	}
	return out, nil
}

// mergeTargets adds new sightings to old ones; the same reason counts once, at
// its highest.
func mergeTargets(have, add []TargetHealth) []TargetHealth {
	for _, t := range add {
		i := slices.IndexFunc(have, func(h TargetHealth) bool { return h.Reason == t.Reason && h.Description == t.Description })
		if i < 0 {
			have = append(have, t)
			continue
		}
		have[i].Count = max(have[i].Count, t.Count)
	}
	return have
}

func targetCause(t TargetHealth) Cause {
	c := Cause{Kind: KindTarget, Count: t.Count, Reason: strings.TrimSpace(t.Reason + " " + t.Description)}
	c.Sentence, c.Try = explain(c, "")
	return c
}

// cancelGrace is what remains of the 7.5 s between the runner's SIGINT and its
// SIGTERM, with room for the process to end.
const cancelGrace = 6 * time.Second
