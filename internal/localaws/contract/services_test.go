package contract

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// container is one that can be started nowhere: its registry does not exist.
func container() []types.ContainerDefinition {
	return []types.ContainerDefinition{{Name: aws.String("web"), Image: aws.String("127.0.0.1:1/web:v1"), Memory: aws.Int32(64),
		Essential: aws.Bool(true)}}
}

func (r *run) taskDefinition(c *ecs.Client, family string) *string {
	out, err := c.RegisterTaskDefinition(r, &ecs.RegisterTaskDefinitionInput{Family: &family, ContainerDefinitions: container()})
	if !r.ok("register "+family, err) {
		return nil
	}
	return out.TaskDefinition.TaskDefinitionArn
}

func (r *run) serviceOn(c *ecs.Client, cluster, name string, change func(*ecs.CreateServiceInput)) *string {
	_, err := c.CreateCluster(r, &ecs.CreateClusterInput{ClusterName: &cluster})
	r.ok("create the cluster", err)
	in := &ecs.CreateServiceInput{Cluster: &cluster, ServiceName: &name, DesiredCount: aws.Int32(0), LaunchType: types.LaunchTypeEc2,
		TaskDefinition: r.taskDefinition(c, name)}
	if change != nil {
		change(in)
	}
	out, err := c.CreateService(r, in)
	if !r.ok("create the service", err) {
		return nil
	}
	return out.Service.ServiceArn
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/
var services = []contract{
	{"ecs", "clusters", func(r *run) {
		c := ecs.NewFromConfig(r.cfg)
		name := aws.String("prod")
		made, err := c.CreateCluster(r, &ecs.CreateClusterInput{ClusterName: name})
		if !r.ok("create", err) {
			return
		}
		_, err = c.CreateCluster(r, &ecs.CreateClusterInput{ClusterName: name})
		r.ok("create twice", err)
		found, err := c.DescribeClusters(r, &ecs.DescribeClustersInput{Clusters: []string{*name, "none"}})
		if r.ok("describe", err) && len(found.Clusters) == 1 {
			r.equal("status", found.Clusters[0].Status, "ACTIVE")
			r.equal("failures", len(found.Failures), 1)
		}
		list, err := c.ListClusters(r, &ecs.ListClustersInput{})
		if r.ok("list", err) {
			r.equal("listed", slices.Contains(list.ClusterArns, *made.Cluster.ClusterArn), true)
		}
		gone, err := c.DeleteCluster(r, &ecs.DeleteClusterInput{Cluster: name})
		if r.ok("delete", err) {
			r.equal("status when deleted", gone.Cluster.Status, "INACTIVE")
		}
		_, err = c.DeleteCluster(r, &ecs.DeleteClusterInput{Cluster: aws.String("none")})
		r.fails("delete what is not there", err, "ClusterNotFoundException")
	}},
	{"ecs", "task definitions", func(r *run) {
		c := ecs.NewFromConfig(r.cfg)
		first, second := r.taskDefinition(c, "worker"), r.taskDefinition(c, "worker")
		if first == nil || second == nil {
			return
		}
		latest, err := c.DescribeTaskDefinition(r, &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String("worker")})
		if r.ok("describe the family", err) {
			r.equal("revision", latest.TaskDefinition.Revision, 2)
		}
		_, err = c.TagResource(r, &ecs.TagResourceInput{ResourceArn: first, Tags: []types.Tag{
			{Key: aws.String("a"), Value: aws.String("1")}, {Key: aws.String("b"), Value: aws.String("2")}}})
		r.ok("tag", err)
		_, err = c.UntagResource(r, &ecs.UntagResourceInput{ResourceArn: first, TagKeys: []string{"a"}})
		r.ok("untag", err)
		tags, err := c.ListTagsForResource(r, &ecs.ListTagsForResourceInput{ResourceArn: first})
		if r.ok("list tags", err) {
			r.equal("tags", len(tags.Tags), 1)
		}
		gone, err := c.DeregisterTaskDefinition(r, &ecs.DeregisterTaskDefinitionInput{TaskDefinition: first})
		if r.ok("deregister", err) {
			r.equal("status", gone.TaskDefinition.Status, "INACTIVE")
		}
		list, err := c.ListTaskDefinitions(r, &ecs.ListTaskDefinitionsInput{FamilyPrefix: aws.String("worker")})
		if r.ok("list", err) {
			r.equal("active ones", list.TaskDefinitionArns, []string{*second})
		}
		_, err = c.DescribeTaskDefinition(r, &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String("none")})
		r.fails("describe what is not there", err, "ClientException")
	}},
	{"ecs", "services", func(r *run) {
		c := ecs.NewFromConfig(r.cfg)
		cluster, name := aws.String("shop"), aws.String("api")
		if r.serviceOn(c, *cluster, *name, nil) == nil {
			return
		}
		found, err := c.DescribeServices(r, &ecs.DescribeServicesInput{Cluster: cluster, Services: []string{*name, "none"}})
		if r.ok("describe", err) && len(found.Services) == 1 {
			r.equal("status", found.Services[0].Status, "ACTIVE")
			r.equal("deployments", len(found.Services[0].Deployments), 1)
			r.equal("failures", len(found.Failures), 1)
		}
		list, err := c.ListServices(r, &ecs.ListServicesInput{Cluster: cluster})
		if r.ok("list", err) {
			r.equal("listed", len(list.ServiceArns), 1)
		}
		_, err = c.UpdateService(r, &ecs.UpdateServiceInput{Cluster: cluster, Service: name, DesiredCount: aws.Int32(1)})
		r.ok("scale out", err)
		_, err = c.DeleteService(r, &ecs.DeleteServiceInput{Cluster: cluster, Service: name})
		r.fails("delete what is not scaled in", err, "InvalidParameterException")
		gone, err := c.DeleteService(r, &ecs.DeleteServiceInput{Cluster: cluster, Service: name, Force: aws.Bool(true)})
		if r.ok("delete by force", err) {
			r.equal("active when deleted", aws.ToString(gone.Service.Status) == "ACTIVE", false)
		}
		_, err = c.UpdateService(r, &ecs.UpdateServiceInput{Cluster: cluster, Service: aws.String("none")})
		r.fails("update what is not there", err, "ServiceNotFoundException")
		_, err = c.DescribeServices(r, &ecs.DescribeServicesInput{Cluster: aws.String("none"), Services: []string{*name}})
		r.fails("describe in no cluster", err, "ClusterNotFoundException")
	}},
}

// rollouts and tasks have no judge: facts of moto's and ministack's ECS are that they never roll out and never run.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html
var rollouts = []contract{
	{"ecs rollouts", "service deployments and their revisions", func(r *run) {
		c := ecs.NewFromConfig(r.cfg)
		cluster, name := aws.String("rolling"), aws.String("web")
		if r.serviceOn(c, *cluster, *name, nil) == nil {
			return
		}
		first := r.deployed(c, cluster, name, types.ServiceDeploymentStatusSuccessful)
		_, err := c.UpdateService(r, &ecs.UpdateServiceInput{Cluster: cluster, Service: name, TaskDefinition: r.taskDefinition(c, *name),
			DesiredCount: aws.Int32(1)})
		r.ok("update", err)
		deployment := r.deployed(c, cluster, name, types.ServiceDeploymentStatusInProgress)
		_, err = c.StopServiceDeployment(r, &ecs.StopServiceDeploymentInput{ServiceDeploymentArn: deployment,
			StopType: types.StopServiceDeploymentStopTypeRollback})
		r.ok("roll back", err)
		r.deployed(c, cluster, name, types.ServiceDeploymentStatusRollbackInProgress)
		out, err := c.DescribeServiceDeployments(r, &ecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{*deployment}})
		if !r.ok("describe the deployment", err) || len(out.ServiceDeployments) != 1 {
			return
		}
		revision := out.ServiceDeployments[0].TargetServiceRevision
		revisions, err := c.DescribeServiceRevisions(r, &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: []string{*revision.Arn}})
		if r.ok("describe the revision", err) {
			r.equal("revisions", len(revisions.ServiceRevisions), 1)
		}
		_, err = c.StopServiceDeployment(r, &ecs.StopServiceDeploymentInput{ServiceDeploymentArn: first})
		r.fails("stop what is over", err, "ConflictException")
		_, err = c.ContinueServiceDeployment(r, &ecs.ContinueServiceDeploymentInput{ServiceDeploymentArn: deployment,
			HookId: aws.String("none"), Action: types.DeploymentLifecycleHookActionContinue})
		r.fails("continue what does not wait", err, "ClientException", "ConflictException", "InvalidParameterException",
			"ServiceDeploymentNotFoundException")
	}},
	{"ecs rollouts", "a task whose image cannot be pulled", func(r *run) {
		c := ecs.NewFromConfig(r.cfg)
		cluster := aws.String("jobs")
		_, err := c.CreateCluster(r, &ecs.CreateClusterInput{ClusterName: cluster})
		r.ok("create the cluster", err)
		started, err := c.RunTask(r, &ecs.RunTaskInput{Cluster: cluster, TaskDefinition: r.taskDefinition(c, "job")})
		if !r.ok("run", err) || len(started.Tasks) != 1 {
			return
		}
		arn := *started.Tasks[0].TaskArn
		var task types.Task
		r.until("the task has stopped", func() (bool, error) {
			out, err := c.DescribeTasks(r, &ecs.DescribeTasksInput{Cluster: cluster, Tasks: []string{arn}})
			if err != nil || len(out.Tasks) != 1 {
				return false, err
			}
			task = out.Tasks[0]
			return aws.ToString(task.LastStatus) == "STOPPED", nil
		})
		r.equal("stop code", task.StopCode, types.TaskStopCodeTaskFailedToStart)
		list, err := c.ListTasks(r, &ecs.ListTasksInput{Cluster: cluster, DesiredStatus: types.DesiredStatusStopped})
		if r.ok("list", err) {
			r.equal("stopped tasks", len(list.TaskArns), 1)
		}
		_, err = c.StopTask(r, &ecs.StopTaskInput{Cluster: cluster, Task: aws.String("none")})
		r.fails("stop what is not there", err, "InvalidParameterException")
	}},
}

// deployed waits until the newest service deployment has a status, and returns its ARN.
func (r *run) deployed(c *ecs.Client, cluster, service *string, want types.ServiceDeploymentStatus) (arn *string) {
	r.until("the deployment is "+string(want), func() (bool, error) {
		out, err := c.ListServiceDeployments(r, &ecs.ListServiceDeploymentsInput{Cluster: cluster, Service: service})
		if err != nil || len(out.ServiceDeployments) == 0 {
			return false, err
		}
		arn = out.ServiceDeployments[0].ServiceDeploymentArn
		return out.ServiceDeployments[0].Status == want, nil
	})
	return arn
}
