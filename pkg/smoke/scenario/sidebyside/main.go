// Command sidebyside asks every scenario with smoke-test and with the tools
// that are at hand, and prints which of them says what is right.
//
//	go run ./pkg/smoke/scenario/sidebyside -shipkit bin/shipkit -curl curl -hurl hurl -k6 k6
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/org/shipkit/pkg/markdown"
	"github.com/org/shipkit/pkg/smoke/scenario"
)

// patience is how long a tool may take beyond the scenario's timeout.
const patience = 20 * time.Second

// tool asks one scenario, with files in dir. It tells whether the tool is
// content, and what it said last.
type tool struct {
	name string
	ask  func(ctx context.Context, a scenario.Ask, dir string) (content bool, said string)
}

// outcome is what a tool made of a scenario.
type outcome struct {
	right bool
	note  string
}

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	shipkit := flag.String("shipkit", "", "path of shipkit")
	curl := flag.String("curl", "curl", "path of curl")
	hurl := flag.String("hurl", "", "path of hurl; left out if empty")
	k6 := flag.String("k6", "", "path of k6; left out if empty")
	flag.Parse()
	if *shipkit == "" {
		return errors.New("give -shipkit")
	}
	tools := []tool{{"smoke-test", askShipkit(*shipkit)}, {"curl --retry", askCurl(*curl)}}
	if *hurl != "" {
		tools = append(tools, tool{"Hurl", askHurl(*hurl)})
	}
	if *k6 != "" {
		tools = append(tools, tool{"k6", askK6(*k6)})
	}
	table(tools, askAll(ctx, tools))
	return nil
}

// askAll asks a few scenarios at a time: most of them wait.
func askAll(ctx context.Context, tools []tool) [][]outcome {
	all := scenario.All()
	outcomes := make([][]outcome, len(all))
	slots := make(chan struct{}, 4)
	var asking sync.WaitGroup
	for i, s := range all {
		outcomes[i] = make([]outcome, len(tools))
		asking.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			for j, t := range tools {
				outcomes[i][j] = ask(ctx, s, t)
			}
		})
	}
	asking.Wait()
	return outcomes
}

// ask starts the scenario anew for one tool.
func ask(ctx context.Context, s scenario.Scenario, t tool) outcome {
	dir, err := os.MkdirTemp("", "sidebyside")
	if err != nil {
		return outcome{note: err.Error()}
	}
	defer func() { _ = os.RemoveAll(dir) }()
	lab, err := scenario.NewLab(dir)
	if err != nil {
		return outcome{note: err.Error()}
	}
	defer lab.Close()
	question := s.Start(lab)
	ctx, cancel := context.WithTimeout(ctx, scenario.Timeout+patience)
	defer cancel()
	content, said := t.ask(ctx, question, dir)
	fmt.Fprintf(os.Stderr, "%s | %s | content %t | %s\n", s.Name, t.name, content, said)
	switch {
	case ctx.Err() != nil:
		return outcome{note: "did not end"}
	case question.Leaked != nil && question.Leaked():
		return outcome{note: "gave the key away"}
	case content == s.Passes:
		return outcome{right: true}
	case content:
		return outcome{note: "passed it"}
	default:
		return outcome{note: "failed it"}
	}
}

func table(tools []tool, outcomes [][]outcome) {
	header := []string{"Scenario", "Right is"}
	right := make([]int, len(tools))
	for _, t := range tools {
		header = append(header, t.name)
	}
	var rows [][]string
	for i, s := range scenario.All() {
		row := []string{markdown.Escape(s.Name), map[bool]string{true: "pass", false: "fail"}[s.Passes]}
		for j, o := range outcomes[i] {
			if o.right {
				right[j]++
				row = append(row, "✅")
				continue
			}
			row = append(row, "❌ "+o.note)
		}
		rows = append(rows, row)
	}
	total := []string{"Right", ""}
	for _, n := range right {
		total = append(total, fmt.Sprintf("%d of %d", n, len(rows)))
	}
	fmt.Print(markdown.Table(header, append(rows, total)))
}
