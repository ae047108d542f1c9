// SPDX-License-Identifier: EPL-2.0
// Goroutines, channels, timers and garbage: counts what went through, and says PASS when nothing was lost.
package main

import (
	"fmt"
	"os"
	"sync"
	"time"
)

func fail(what string) {
	fmt.Println("FAILED:", what)
	os.Exit(1)
}

func produce(numbers chan<- int, done <-chan struct{}) {
	for n := 1; ; n++ {
		select {
		case numbers <- n:
			time.Sleep(200 * time.Microsecond)
		case <-done:
			close(numbers)
			return
		}
	}
}

func consume(numbers <-chan int, sums chan<- int) {
	sum, last := 0, 0
	table := map[int]string{}
	for n := range numbers {
		if n != last+1 {
			fail("a number is missing")
		}
		last = n
		sum += n
		table[n%1000] = fmt.Sprint("value ", n)
	}
	if sum != last*(last+1)/2 {
		fail("the sum is wrong")
	}
	sums <- last
}

func main() {
	journal, err := os.OpenFile(os.Getenv("LIVE_JOURNAL"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		fail(err.Error())
	}
	const pairs = 8
	done, sums := make(chan struct{}), make(chan int, pairs)
	var mutex sync.Mutex
	left, right := 0, 0
	for i := 0; i < pairs; i++ {
		numbers := make(chan int, i)
		go produce(numbers, done)
		go consume(numbers, sums)
		go func() {
			for {
				mutex.Lock()
				if left != right {
					fail("torn")
				}
				left++
				right++
				mutex.Unlock()
				time.Sleep(time.Millisecond)
			}
		}()
	}
	for step := 1; ; step++ {
		fmt.Fprintf(journal, "tick %d\n", step)
		time.Sleep(2 * time.Millisecond)
		if _, err := os.Stat(os.Getenv("LIVE_STOP")); step > 20 && err == nil {
			break
		}
	}
	close(done)
	for i := 0; i < pairs; i++ {
		if <-sums == 0 {
			fail("nothing came")
		}
	}
	fmt.Println("PASS")
}
