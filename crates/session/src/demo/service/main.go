// The service that `gospect demo` builds, starts and shows: Fibonacci numbers, and some of what goes wrong in services.
//
// Started without arguments it listens on a free port of 127.0.0.1, prints its URL as the only line on standard output,
// and ends when its standard input is closed, so that whoever dies takes it along. Started as `service load URL` it puts
// load on another one: about a hundred requests a second, on eight connections.
package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

// Fibonacci is kept out of its callers as a larger function would be.
//
//go:noinline
func Fibonacci(n int) int {
	if n < 2 {
		return n
	}
	p, q, r := 0, 0, 1
	for i := 2; i <= n; i++ {
		p = q
		q = r
		r = p + q
	}
	return r
}

// answer is what a request comes to, whatever framework it came by.
type answer func(r *http.Request) (any, error)

var routes = map[string]answer{
	"/fib":   fib,
	"/job":   job,
	"/stock": stock,
	"/user":  user,
	"/risky": risky,
	"/leak":  leak,
}

func number(r *http.Request) int {
	n, _ := strconv.Atoi(r.URL.Query().Get("n"))
	return n
}

// fib answers with a number.
func fib(r *http.Request) (any, error) {
	n := number(r)
	if n <= 0 {
		return nil, errors.New("n must be an integer greater than zero")
	}
	return Fibonacci(n), nil
}

// Job is work for somebody else, who answers through a channel.
type Job struct {
	ID   int
	Done chan int
}

var jobs = make(chan Job)

func worker(jobs <-chan Job) {
	for job := range jobs {
		time.Sleep(2 * time.Millisecond)
		job.Done <- job.ID * job.ID
	}
}

// job waits on channels: until a worker has time, and until it is done.
func job(r *http.Request) (any, error) {
	job := Job{ID: number(r), Done: make(chan int)}
	jobs <- job
	return <-job.Done, nil
}

// Store is what all requests share.
type Store struct {
	mu    sync.Mutex
	items map[string]int
}

var store = &Store{items: map[string]int{"apples": 10_000, "pears": 10_000}}

// Take holds the lock for longer than it should.
//
//go:noinline
func (s *Store) Take(item string, n int) (left int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	time.Sleep(time.Millisecond)
	if s.items[item] == 0 {
		return 0, fmt.Errorf("no %s", item)
	}
	s.items[item] -= n % 3
	return s.items[item], nil
}

// stock waits for a mutex.
func stock(r *http.Request) (any, error) {
	item := []string{"apples", "pears", "plums"}[number(r)%3]
	return store.Take(item, number(r))
}

// User is a row of the database.
type User struct {
	ID   int
	Name string
	Tags []string
}

var errNoRows = errors.New("sql: no rows in result set")

// Query is answered after 3 ms, one in twenty after 40.
//
//go:noinline
func Query(sql string, id int) (*User, error) {
	wait := 3 * time.Millisecond
	if id%20 == 0 {
		wait = 40 * time.Millisecond
	}
	time.Sleep(wait)
	if id%10 == 7 {
		return nil, errNoRows
	}
	return &User{ID: id, Name: "user" + strconv.Itoa(id), Tags: []string{"demo"}}, nil
}

// user waits for the database.
func user(r *http.Request) (any, error) {
	return Query("SELECT * FROM users", number(r))
}

// Parse panics where there is nothing to parse.
//
//go:noinline
func Parse(text string) int {
	return int(text[0])
}

// risky panics, and recovers.
func risky(r *http.Request) (result any, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("recovered: %v", reason)
		}
	}()
	return Parse(r.URL.Query().Get("text")), nil
}

const mostLeaks = 10_000

var leaks int
var leaksMutex sync.Mutex

// leak starts a goroutine that waits for ever.
func leak(*http.Request) (any, error) {
	leaksMutex.Lock()
	defer leaksMutex.Unlock()
	if leaks < mostLeaks {
		leaks++
		go forgotten(make(chan int))
	}
	return leaks, nil
}

func forgotten(never chan int) {
	<-never
}

// status is 200 where all went well.
func status(err error) int {
	if err != nil {
		return http.StatusInternalServerError
	}
	return http.StatusOK
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "load" {
		load(os.Args[2])
		return
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	for i := 0; i < 2; i++ {
		go worker(jobs)
	}
	go http.Serve(listener, handler())
	fmt.Printf("http://%s\n", listener.Addr())
	io.Copy(io.Discard, os.Stdin)
}

// load asks for everything, again and again, until its standard input is closed.
func load(url string) {
	for client := 0; client < 8; client++ {
		go ask(url)
	}
	io.Copy(io.Discard, os.Stdin)
}

func ask(url string) {
	paths := []string{
		"/fib?n=%d", "/fib?n=%d", "/user?n=%d", "/user?n=%d", "/job?n=%d", "/job?n=%d",
		"/stock?n=%d", "/stock?n=%d", "/risky?text=%d", "/risky?text=&n=%d", "/leak?n=%d",
	}
	client := &http.Client{Timeout: 10 * time.Second}
	for {
		path := paths[rand.Intn(len(paths))]
		if answer, err := client.Get(url + fmt.Sprintf(path, rand.Intn(60)+1)); err == nil {
			io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
		}
		time.Sleep(time.Duration(rand.Intn(140)) * time.Millisecond)
	}
}
