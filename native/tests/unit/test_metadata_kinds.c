// SPDX-License-Identifier: EPL-2.0
// Images that describe watches, terminals, queues, packets and leases as they can be, and as they cannot.
#include <string.h>

#include "image/metadata.h"
#include "image_test.h"

typedef Snapback__Image__Image Image;

#define KIND(name) SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_##name
#define NEW(type, TYPE, name)                                                  \
  Snapback__Image__##type *name = must_alloc(sizeof(Snapback__Image__##type)); \
  *name = (Snapback__Image__##type)SNAPBACK__IMAGE__##TYPE##__INIT
#define ADD(of, field, item)                                                    \
  do {                                                                          \
    (of)->field = must_realloc((of)->field, (of)->n_##field + 1, sizeof(item)); \
    (of)->field[(of)->n_##field++] = (item);                                    \
  } while (0)

static Snapback__Image__OpenFile *first_file(Image *m) { return m->open_file[0]; }

static void add_watch(Image *m, int number, const char *path) {
  NEW(FileWatch, FILE_WATCH, watch);
  watch->number = number;
  watch->path = must_strdup(path);
  first_file(m)->kind = KIND(INOTIFY);
  ADD(first_file(m), file_watch, watch);
}

static void add_mark(Image *m, int number, const char *path) {
  add_watch(m, number, path);
  first_file(m)->kind = KIND(FANOTIFY);
}

static Snapback__Image__PseudoTerminal *add_terminal(Image *m) {
  NEW(PseudoTerminal, PSEUDO_TERMINAL, terminal);
  NEW(TypedLine, TYPED_LINE, line);
  ADD(terminal, typed, line);
  ADD(m, pseudo_terminal, terminal);
  return terminal;
}

static Snapback__Image__MessageQueue *add_queue(Image *m) {
  NEW(MessageQueue, MESSAGE_QUEUE, queue);
  queue->id = 1;
  queue->name = must_strdup("/jobs");
  queue->most_messages = 2;
  queue->message_size = 8;
  for (unsigned i = 0; i < 2; i++) {
    NEW(QueuedMessage, QUEUED_MESSAGE, message);
    message->priority = 5 - i;
    ADD(queue, message, message);
  }
  ADD(m, message_queue, queue);
  first_file(m)->kind = KIND(MESSAGE_QUEUE);
  first_file(m)->message_queue = 1;
  return queue;
}

static Snapback__Image__Lock *add_lease(Image *m) {
  NEW(Lock, LOCK, lock);
  lock->kind = 3;
  ADD(first_file(m), lock, lock);
  return lock;
}

static Snapback__Image__Tracing *add_tracing(Image *m) {
  NEW(Tracing, TRACING, tracing);
  tracing->tracer_process = tracing->tracer = m->process[0]->pid;
  tracing->process = tracing->thread = m->process[0]->pid;
  ADD(m, tracing, tracing);
  return tracing;
}

static void add_packet(Image *m, uint32_t size) { ADD(m->pipe[0], packet, size); }

// ---- as they can be ----

static void twoWatches(Image *m) { add_watch(m, 1, "/a"), add_watch(m, 7, "/b"); }
static void twoMarks(Image *m) { add_mark(m, 0, "/b"), add_mark(m, 0, "/a"); }
static void terminal(Image *m) { (void)add_terminal(m); }
static void queue(Image *m) { (void)add_queue(m); }
static void lease(Image *m) { (void)add_lease(m); }
static void packets(Image *m) { add_packet(m, 4), add_packet(m, 7); }
static void pidfdOfEnded(Image *m) { first_file(m)->kind = KIND(PIDFD), first_file(m)->process = -1; }

// ---- as they cannot ----

static void watchZero(Image *m) { add_watch(m, 0, "/a"); }
static void watchTooHigh(Image *m) { add_watch(m, 1 << 30, "/a"); }
static void watchTwice(Image *m) { add_watch(m, 3, "/a"), add_watch(m, 3, "/b"); }
static void watchNowhere(Image *m) { add_watch(m, 1, "a"); }
static void numberedMark(Image *m) { add_mark(m, 1, "/a"); }
static void markNowhere(Image *m) { add_mark(m, 0, "a"); }
static void processBelowNone(Image *m) { first_file(m)->process = -2; }
static void terminalTooHigh(Image *m) { add_terminal(m)->number = 1 << 20; }
static void fileOfTerminalTooHigh(Image *m) { first_file(m)->pty = 1 << 20; }
static void lineOfNoEnd(Image *m) { add_terminal(m)->typed[0]->end = 3; }
static void sessionNegative(Image *m) { add_terminal(m)->session = -1; }
static void unknownQueue(Image *m) { (void)add_queue(m), first_file(m)->message_queue = 2; }
static void queueZero(Image *m) { first_file(m)->kind = KIND(MESSAGE_QUEUE); }
static void queueOfOtherNumber(Image *m) { add_queue(m)->id = 2; }
static void queueWithoutSlash(Image *m) { add_queue(m)->name[0] = 'x'; }
static void queueInAFolder(Image *m) { add_queue(m)->name[2] = '/'; }
static void overfullQueue(Image *m) { add_queue(m)->most_messages = 1; }
static void messagesInNoOrder(Image *m) { add_queue(m)->message[0]->priority = 1; }
static void priorityTooHigh(Image *m) { add_queue(m)->message[0]->priority = 1 << 15; }
static void lockOfNoKind(Image *m) { add_lease(m)->kind = 4; }
static void leaseWithoutSignal(Image *m) { add_lease(m)->signal = 65; }
static void packetsMissing(Image *m) { add_packet(m, 4); }
static void packetEmpty(Image *m) { add_packet(m, 11), add_packet(m, 0); }
static void tracerOfItself(Image *m) { (void)add_tracing(m); }
static void tracerOfNobody(Image *m) { add_tracing(m)->process = 4; }
static void kindBetween(Image *m) { first_file(m)->kind = (Snapback__Image__OpenFileKind)19; }

#define CASE(name) \
  { #name, name }
static const struct {
  const char *name;
  void (*change)(Image *m);
} sound[] = {CASE(twoWatches), CASE(twoMarks), CASE(terminal),    CASE(queue),
             CASE(lease),      CASE(packets),  CASE(pidfdOfEnded)},
  unsound[] = {CASE(watchZero),        CASE(watchTooHigh),       CASE(watchTwice),
               CASE(watchNowhere),     CASE(numberedMark),       CASE(markNowhere),
               CASE(processBelowNone), CASE(terminalTooHigh),    CASE(fileOfTerminalTooHigh),
               CASE(lineOfNoEnd),      CASE(sessionNegative),    CASE(unknownQueue),
               CASE(queueZero),        CASE(queueOfOtherNumber), CASE(queueWithoutSlash),
               CASE(queueInAFolder),   CASE(overfullQueue),      CASE(messagesInNoOrder),
               CASE(priorityTooHigh),  CASE(lockOfNoKind),       CASE(leaseWithoutSignal),
               CASE(packetsMissing),   CASE(packetEmpty),        CASE(tracerOfItself),
               CASE(tracerOfNobody),   CASE(kindBetween)};

static bool is_accepted(void (*change)(Image *m)) {
  Image *m = sample_metadata(4);
  change(m);
  bool accepted = metadata_check(m) == NULL;
  snapback__image__image__free_unpacked(m, NULL);
  return accepted;
}

static void acceptsWhatCanBe(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof sound / sizeof *sound; i++)
    if (!is_accepted(sound[i].change))
      fail_msg("refused: %s", sound[i].name);
}

static void refusesWhatCannotBe(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof unsound / sizeof *unsound; i++)
    if (is_accepted(unsound[i].change))
      fail_msg("accepted: %s", unsound[i].name);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(acceptsWhatCanBe), cmocka_unit_test(refusesWhatCannotBe)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
