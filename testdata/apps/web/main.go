// Web is the sample service of the tests and the demo: a static binary that answers /healthz and /version and that
// can be told, by MODE, to fail in the ways in which a real deployment fails.
//
// Environment: VERSION (what /version answers), PORT (default 8080), DELAY (time before it listens, a Go duration),
// MODE:
//
//	ok          serve (the default)
//	exit:N      exit with code N at once
//	crash:D     serve, and exit with code 1 after the duration D
//	oom         allocate until the kernel kills the process
//	mute        run, but never listen
//	wrong-port  listen on PORT+1
//	unhealthy   serve, but /healthz answers 500
//	stubborn    serve, and ignore SIGTERM
//	job         print the arguments, with variables in them, and exit with 0
//
// "web check [path]" is the container health check: it exits with 0 when the running service answers 200.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// version is set by the linker; VERSION overrides it.
var version = "dev"

func main() {
	if len(os.Args) > 1 && os.Args[1] == "check" {
		os.Exit(check())
	}
	log.SetFlags(0)
	mode, arg, _ := strings.Cut(env("MODE", "ok"), ":")
	log.Printf("web %s starts, mode %s", env("VERSION", version), mode)
	switch mode {
	case "exit":
		code, _ := strconv.Atoi(arg)
		log.Printf("exit %d", code)
		os.Exit(code)
	case "oom":
		eat()
	case "mute":
		wait()
	case "job":
		log.Printf("job %s", os.ExpandEnv(strings.Join(os.Args[1:], " ")))
	default:
		serve(mode, arg)
	}
}

// serve answers until SIGTERM, finishing the requests that it has.
func serve(mode, arg string) {
	delay, _ := time.ParseDuration(env("DELAY", "0s"))
	time.Sleep(delay)
	port, _ := strconv.Atoi(env("PORT", "8080"))
	if mode == "wrong-port" {
		port++
	}
	srv := &http.Server{Addr: ":" + strconv.Itoa(port), Handler: routes(mode), ReadHeaderTimeout: 10 * time.Second}
	if mode == "crash" {
		d, _ := time.ParseDuration(arg)
		time.AfterFunc(d, func() { log.Print("crash"); os.Exit(1) })
	}
	go func() {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
		defer stop()
		<-ctx.Done()
		if mode == "stubborn" {
			return
		}
		log.Print("stopping")
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = srv.Shutdown(ctx)
		os.Exit(0)
	}()
	log.Printf("listening on %d", port)
	if err := srv.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
	select {}
}

func routes(mode string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		if mode == "unhealthy" {
			http.Error(w, "unhealthy", http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("/version", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, "{\"version\":%q}\n", env("VERSION", version))
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		d, _ := time.ParseDuration(r.URL.Query().Get("for"))
		time.Sleep(d)
		fmt.Fprintln(w, "done")
	})
	mux.HandleFunc("/env", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, os.Getenv(r.URL.Query().Get("name")))
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "web %s\n", env("VERSION", version))
	})
	return mux
}

// check is the container health check.
func check() int {
	path := "/healthz"
	if len(os.Args) > 2 {
		path = os.Args[2]
	}
	client := &http.Client{Timeout: 5 * time.Second}
	url := "http://127.0.0.1:" + env("PORT", "8080") + path
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, http.NoBody)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	resp, err := client.Do(req)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		fmt.Println(resp.Status)
		return 1
	}
	return 0
}

// eat takes memory, and touches it, until the kernel ends the process.
func eat() {
	var hoard [][]byte
	for {
		block := make([]byte, 4<<20)
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		hoard = append(hoard, block)
		_ = hoard
	}
}

func wait() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	<-ctx.Done()
}

func env(key, fallback string) string {
	if v := os.Getenv(key); v != "" {
		return v
	}
	return fallback
}
