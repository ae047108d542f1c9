// SPDX-License-Identifier: EPL-2.0
// A small bank with a real bug: money gets lost or made, and the audit comes too late to see how.
//
// Four tellers serve customers; every hundredth transfer ends a day, on which the clerk pays interest while the
// tellers go on. Whatever happens, no money may enter or leave the bank. Each transfer follows from its number alone,
// so that after the same number of transfers the books look the same in every run, but for the bug.
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ACCOUNTS = 8, TELLERS = 4, TRANSFERS_PER_DAY = 100 };

struct account {
  const char *owner;
  long balance;
};

static struct account accounts[ACCOUNTS] = {
    {"Ada", 1000},     {"Barbara", 1000}, {"Dennis", 1000}, {"Edsger", 1000},
    {"Frances", 1000}, {"Grace", 1000},   {"Ken", 1000},    {"Niklaus", 1000},
};
static long vault = 10000;  // pays the interest
static long expected;       // what the bank held in the morning of the first day

static long transfers;  // how many there have been
static long days;       // how many have ended
static long last_day = 60;
static long customer_ms = 20;  // how long a teller talks to a customer

static pthread_mutex_t counter = PTHREAD_MUTEX_INITIALIZER;  // guards the accounts, the vault and the calendar
static pthread_cond_t evening = PTHREAD_COND_INITIALIZER;

static void pause_ms(long ms) {
  struct timespec t = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&t, NULL);
}

static bool is_open(void) { return days < last_day; }

static long money(void) {
  long sum = vault;
  for (int i = 0; i < ACCOUNTS; i++)
    sum += accounts[i].balance;
  return sum;
}

// Moves money from one account to another. The caller holds `counter`.
static void transfer(struct account *from, struct account *to, long amount) {
  transfers++;
  if (from->balance < amount)
    return;
  from->balance -= amount;
  to->balance += amount;
}

static void audit(void) {
  long found = money(), missing = expected - found;
  printf("day %ld: %ld transfers, %ld in the bank", days, transfers, found);
  if (missing)
    printf(", %ld %s", labs(missing), missing > 0 ? "missing" : "too much");
  printf("\n");
}

static void end_day(void) {
  days++;
  audit();
  pthread_cond_signal(&evening);
}

static void serve_customer(void) {
  unsigned number = (unsigned)transfers * 2654435761u;
  struct account *from = &accounts[number >> 29];
  struct account *to = &accounts[(number >> 26) % ACCOUNTS];
  transfer(from, to, 1 + (number >> 16) % 50);
  if (transfers % TRANSFERS_PER_DAY == 0)
    end_day();
}

static void *teller(void *unused) {
  for (;;) {
    pause_ms(customer_ms);
    pthread_mutex_lock(&counter);
    if (!is_open())
      break;
    serve_customer();
    pthread_mutex_unlock(&counter);
  }
  pthread_mutex_unlock(&counter);
  return unused;
}

// Writes the new balance to the customer's statement, on a slow printer.
static void print_statement(void) { pause_ms(5); }

// The bug: between reading the balance and writing it back, a teller may have changed it.
static void pay_interest(struct account *account) {
  long interest = account->balance / 100;
  long balance = account->balance + interest;
  print_statement();
  account->balance = balance;
  vault -= interest;
}

static void *clerk(void *unused) {
  pthread_mutex_lock(&counter);
  for (long done = 0; is_open(); done = days) {
    while (done == days)
      pthread_cond_wait(&evening, &counter);
    pthread_mutex_unlock(&counter);
    for (int i = 0; i < ACCOUNTS; i++)
      pay_interest(&accounts[i]);
    pthread_mutex_lock(&counter);
  }
  pthread_mutex_unlock(&counter);
  return unused;
}

static int close_bank(void) {
  bool right = money() == expected;
  printf("audit %s\n", right ? "passed" : "failed");
  return right ? EXIT_SUCCESS : EXIT_FAILURE;
}

static bool number_from(const char *text, long *ret) {
  char *end;
  *ret = strtol(text, &end, 10);
  return end != text && !*end && *ret >= 0;
}

int main(int argc, char **argv) {
  if (argc > 3 || (argc > 1 && !number_from(argv[1], &last_day)) || (argc > 2 && !number_from(argv[2], &customer_ms))) {
    fprintf(stderr, "usage: bank [DAYS [MILLISECONDS-PER-CUSTOMER]]\n");
    return 2;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  expected = money();
  pthread_t people[TELLERS + 1];
  for (int i = 0; i < TELLERS; i++)
    pthread_create(&people[i], NULL, teller, NULL);
  pthread_create(&people[TELLERS], NULL, clerk, NULL);
  for (int i = 0; i <= TELLERS; i++)
    pthread_join(people[i], NULL);
  return close_bank();
}
