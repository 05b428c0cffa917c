package seed

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/jackc/pgx/v5"

	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/pkg/namespace"
)

const (
	user     = "shipkit"
	password = "not-a-secret"
	schema   = `CREATE TABLE greetings (id int PRIMARY KEY, words text NOT NULL);
		INSERT INTO greetings VALUES (1, 'Ẹ káàbọ̀'), (2, 'Sannu da zuwa'), (3, 'Nnọọ');`
)

// database makes the development environment's database, fills it, and points the environment at it.
func database(ctx context.Context, s *localaws.Server) (endpoint string, err error) {
	ns, err := namespace.Parse(Namespace)
	if err != nil {
		return "", fmt.Errorf("parse the namespace: %w", err)
	}
	ts := namespace.TimestampOf(s.Clock.Now())
	id := ns.Database(ts)
	_, err = s.RDS.CreateDBInstance(ctx, &rds.CreateDBInstanceInput{DBInstanceIdentifier: &id, Engine: aws.String("postgres"),
		DBInstanceClass: aws.String("db.t4g.micro"), AllocatedStorage: aws.Int32(20), DBName: aws.String(user),
		MasterUsername: aws.String(user), MasterUserPassword: aws.String(password), StorageEncrypted: aws.Bool(true)})
	if err != nil {
		return "", fmt.Errorf("create %s: %w", id, err)
	}
	at, err := available(ctx, s, id)
	if err != nil {
		return "", err
	}
	endpoint = net.JoinHostPort(*at.Address, strconv.Itoa(int(*at.Port)))
	if err := fill(ctx, endpoint); err != nil {
		return "", fmt.Errorf("fill %s: %w", id, err)
	}
	return endpoint, point(ctx, s, ns, ts, at)
}

func available(ctx context.Context, s *localaws.Server, id string) (*types.Endpoint, error) {
	for {
		out, err := s.RDS.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &id})
		if err != nil {
			return nil, fmt.Errorf("describe %s: %w", id, err)
		}
		db := out.DBInstances[0]
		switch status := aws.ToString(db.DBInstanceStatus); {
		case status == "available":
			return db.Endpoint, nil
		case status == "failed", strings.HasPrefix(status, "incompatible-"):
			return nil, fmt.Errorf("%s is %s: %s", id, status, reason(db))
		}
		if err := s.Clock.Sleep(ctx, 5*time.Second); err != nil {
			return nil, fmt.Errorf("wait for %s: %w", id, err)
		}
	}
}

// reason is what RDS says of a state.
func reason(db types.DBInstance) string {
	if len(db.StatusInfos) == 0 {
		return "no reason is given"
	}
	return aws.ToString(db.StatusInfos[0].Message)
}

func fill(ctx context.Context, endpoint string) error {
	address := url.URL{Scheme: "postgres", User: url.UserPassword(user, password), Host: endpoint, Path: user}
	conn, err := pgx.Connect(ctx, address.String())
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	_, err = conn.Exec(ctx, schema)
	if closed := conn.Close(ctx); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("write rows: %w", err)
	}
	return nil
}

// point publishes the database in Parameter Store as promote-snapshot does.
func point(ctx context.Context, s *localaws.Server, ns namespace.Namespace, ts namespace.Timestamp, at *types.Endpoint) error {
	for _, p := range []struct{ name, value string }{
		{ns.Version(ts, "kind"), "instance"},
		{ns.Version(ts, "name"), user},
		{ns.Version(ts, "port"), strconv.Itoa(int(*at.Port))},
		{ns.Version(ts, "endpoint"), *at.Address},
		{ns.Active(), string(ts)},
	} {
		if _, err := s.SSM.PutParameter(ctx, &ssm.PutParameterInput{Name: &p.name, Value: &p.value, Type: "String"}); err != nil {
			return fmt.Errorf("put %s: %w", p.name, err)
		}
	}
	return nil
}
