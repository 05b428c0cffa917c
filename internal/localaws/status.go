package localaws

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/org/shipkit/internal/localaws/wire"
)

// Status is what there is in the default account and region, for people.
type Status struct {
	URL     string
	Engine  Engine
	Factor  float64
	Now     time.Time // simulated
	Account string
	Region  string
	Tables  []Table
}

// Table is one kind of resource; it has no rows if there are none.
type Table struct {
	Title  string
	Header []string
	Rows   [][]string
}

// Status looks at everything that runs.
func (s *Server) Status(ctx context.Context) (Status, error) {
	out := Status{URL: s.URL, Engine: Process, Factor: s.Clock.Factor(), Now: s.Clock.Now(), Account: wire.DefaultAccount,
		Region: wire.DefaultRegion}
	if s.docker {
		out.Engine = Docker
	}
	for _, look := range []func(context.Context) ([]Table, error){
		s.serviceTables, s.databaseTable, s.stackTable, s.parameterTable, s.scheduleTable, s.mailTable,
	} {
		tables, err := look(ctx)
		if err != nil {
			return out, err
		}
		out.Tables = append(out.Tables, tables...)
	}
	return out, nil
}

func (s *Server) serviceTables(ctx context.Context) ([]Table, error) {
	services := Table{Title: "Services", Header: []string{"Cluster", "Service", "Task definition", "Running", "Rollout"}}
	tasks := Table{Title: "Tasks", Header: []string{"Cluster", "Task", "Group", "Status", "Reason"}}
	clusters, err := s.ECS.ListClusters(ctx, &ecs.ListClustersInput{})
	if err != nil {
		return nil, fmt.Errorf("list clusters: %w", err)
	}
	for _, cluster := range clusters.ClusterArns {
		if services.Rows, err = s.services(ctx, cluster, services.Rows); err != nil {
			return nil, err
		}
		if tasks.Rows, err = s.tasks(ctx, cluster, tasks.Rows); err != nil {
			return nil, err
		}
	}
	return []Table{services, tasks}, nil
}

func (s *Server) services(ctx context.Context, cluster string, rows [][]string) ([][]string, error) {
	list, err := s.ECS.ListServices(ctx, &ecs.ListServicesInput{Cluster: &cluster})
	if err != nil || len(list.ServiceArns) == 0 {
		return rows, err //nolint:wrapcheck // says what it did
	}
	out, err := s.ECS.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &cluster, Services: list.ServiceArns})
	if err != nil {
		return rows, fmt.Errorf("describe services: %w", err)
	}
	for _, x := range out.Services {
		rollout := ""
		if len(x.Deployments) > 0 {
			rollout = string(x.Deployments[0].RolloutState)
		}
		rows = append(rows, []string{base(cluster), *x.ServiceName, base(aws.ToString(x.TaskDefinition)),
			fmt.Sprintf("%d of %d", x.RunningCount, x.DesiredCount), rollout})
	}
	return rows, nil
}

func (s *Server) tasks(ctx context.Context, cluster string, rows [][]string) ([][]string, error) {
	var arns []string
	for _, desired := range []types.DesiredStatus{types.DesiredStatusRunning, types.DesiredStatusStopped} {
		list, err := s.ECS.ListTasks(ctx, &ecs.ListTasksInput{Cluster: &cluster, DesiredStatus: desired})
		if err != nil {
			return rows, fmt.Errorf("list tasks: %w", err)
		}
		arns = append(arns, list.TaskArns...)
	}
	if len(arns) == 0 {
		return rows, nil
	}
	out, err := s.ECS.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &cluster, Tasks: arns[:min(len(arns), 100)]})
	if err != nil {
		return rows, fmt.Errorf("describe tasks: %w", err)
	}
	for _, x := range out.Tasks {
		rows = append(rows, []string{base(cluster), base(*x.TaskArn)[:12], aws.ToString(x.Group), aws.ToString(x.LastStatus),
			short(aws.ToString(x.StoppedReason))})
	}
	return rows, nil
}

func (s *Server) databaseTable(ctx context.Context) ([]Table, error) {
	instances, err := s.RDS.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{})
	if err != nil {
		return nil, fmt.Errorf("describe databases: %w", err)
	}
	databases := Table{Title: "Databases", Header: []string{"Instance", "Engine", "Status", "Endpoint"}}
	for _, x := range instances.DBInstances {
		endpoint := ""
		if x.Endpoint != nil {
			endpoint = fmt.Sprintf("%s:%d", aws.ToString(x.Endpoint.Address), aws.ToInt32(x.Endpoint.Port))
		}
		databases.Rows = append(databases.Rows, []string{*x.DBInstanceIdentifier, aws.ToString(x.Engine),
			aws.ToString(x.DBInstanceStatus), endpoint})
	}
	found, err := s.RDS.DescribeDBSnapshots(ctx, &rds.DescribeDBSnapshotsInput{})
	if err != nil {
		return nil, fmt.Errorf("describe snapshots: %w", err)
	}
	snapshots := Table{Title: "Snapshots", Header: []string{"Snapshot", "Of", "Status", "Progress"}}
	for _, x := range found.DBSnapshots {
		snapshots.Rows = append(snapshots.Rows, []string{*x.DBSnapshotIdentifier, aws.ToString(x.DBInstanceIdentifier),
			aws.ToString(x.Status), strconv.Itoa(int(aws.ToInt32(x.PercentProgress))) + " %"})
	}
	return []Table{databases, snapshots}, nil
}

func (s *Server) stackTable(ctx context.Context) ([]Table, error) {
	out, err := s.CloudFormation.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{})
	if err != nil {
		return nil, fmt.Errorf("describe stacks: %w", err)
	}
	t := Table{Title: "Stacks", Header: []string{"Stack", "Status", "Reason"}}
	for _, x := range out.Stacks {
		t.Rows = append(t.Rows, []string{*x.StackName, string(x.StackStatus), short(aws.ToString(x.StackStatusReason))})
	}
	return []Table{t}, nil
}

// parameterTable shows names and versions, never values: some are secret.
func (s *Server) parameterTable(ctx context.Context) ([]Table, error) {
	t := Table{Title: "Parameters", Header: []string{"Parameter", "Type", "Version", "Changed"}}
	var token *string
	for {
		out, err := s.SSM.DescribeParameters(ctx, &ssm.DescribeParametersInput{NextToken: token})
		if err != nil {
			return nil, fmt.Errorf("describe parameters: %w", err)
		}
		for _, x := range out.Parameters {
			t.Rows = append(t.Rows, []string{*x.Name, string(x.Type), strconv.FormatInt(x.Version, 10),
				x.LastModifiedDate.Format(time.RFC3339)})
		}
		if token = out.NextToken; token == nil {
			return []Table{t}, nil
		}
	}
}

func (s *Server) scheduleTable(ctx context.Context) ([]Table, error) {
	out, err := s.Scheduler.ListSchedules(ctx, &scheduler.ListSchedulesInput{})
	if err != nil {
		return nil, fmt.Errorf("list schedules: %w", err)
	}
	t := Table{Title: "Schedules", Header: []string{"Schedule", "State", "Target"}}
	for _, x := range out.Schedules {
		t.Rows = append(t.Rows, []string{*x.GroupName + "/" + *x.Name, string(x.State), aws.ToString(x.Target.Arn)})
	}
	return []Table{t}, nil
}

// mailTable shows the last messages that SES and SNS took.
func (s *Server) mailTable(context.Context) ([]Table, error) {
	t := Table{Title: "Mail", Header: []string{"Sent", "To", "Subject"}}
	inbox := s.Mail.Inbox()
	for _, m := range inbox[max(0, len(inbox)-20):] {
		to, subject := strings.Join(m.To, ", "), m.Subject
		if m.Topic != "" {
			to = "topic " + m.Topic[strings.LastIndex(m.Topic, ":")+1:]
		}
		if subject == "" {
			subject, _, _ = strings.Cut(m.Text, "\n")
		}
		t.Rows = append(t.Rows, []string{m.At.Format(time.RFC3339), to, short(subject)})
	}
	return []Table{t}, nil
}

// short cuts what would break a table.
func short(s string) string {
	if runes := []rune(s); len(runes) > 80 {
		return string(runes[:79]) + "…"
	}
	return s
}

// base is the last part of an ARN.
func base(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }
