// SPDX-License-Identifier: EPL-2.0
// `snapback save`: writes a snapshot to an image.
#include "cli/save.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"

#define COMPRESSION(name) SNAPBACK__CONTROL__COMPRESSION__COMPRESSION_##name

int save_options_fill(const struct command *self, const struct save_words *words, SaveRequest *ret) {
  static const struct {
    const char *word;
    Snapback__Control__Compression value;
  } compressions[] = {{"none", COMPRESSION(NONE)}, {"zstd", COMPRESSION(ZSTD)}};
  ret->keep_files = words->files;
  ret->full = words->full;
  ret->with_debugger = words->with_debugger;
  if (!words->compress)
    return 0;
  for (size_t i = 0; i < sizeof compressions / sizeof *compressions; i++)
    if (strcmp(words->compress, compressions[i].word) == 0) {
      ret->compression = compressions[i].value;
      return 0;
    }
  return command_usage_error(self, "%s: '%s' is no compression; there are none and zstd", self->name, words->compress);
}

// The session may have been started elsewhere: paths are ours, not its own.
char *save_path(const char *path) {
  if (!path)
    return must_strdup("");
  _cleanup_free_ char *here = path[0] == '/' ? NULL : getcwd(NULL, 0);
  return here ? must_format("%s/%s", strcmp(here, "/") == 0 ? "" : here, path) : must_strdup(path);
}

// ---- progress ----

struct progress {
  uint64_t snapshot;
  bool shown;
};

static void show(void *data, const Snapback__Control__Event *event) {
  struct progress *p = data;
  if (event->what_case != SNAPBACK__CONTROL__EVENT__WHAT_PROGRESS || event->progress->snapshot != p->snapshot)
    return;
  const Snapback__Control__SaveProgress *m = event->progress;
  if (m->finished || m->failed || !m->total_bytes)
    return;
  _cleanup_free_ char *done = text_of_bytes(m->done_bytes), *total = text_of_bytes(m->total_bytes);
  (void)fprintf(stderr, "\r\x1b[Ksaving: %3d %%, %s of %s", (int)(100 * m->done_bytes / m->total_bytes), done, total);
  (void)fflush(stderr);
  p->shown = true;
}

static int subscribe(struct connection *c, struct error *e) {
  Snapback__Control__SubscribeRequest subscription = SNAPBACK__CONTROL__SUBSCRIBE_REQUEST__INIT;
  Request request = SNAPBACK__CONTROL__REQUEST__INIT;
  request.verb_case = SNAPBACK__CONTROL__REQUEST__VERB_SUBSCRIBE;
  request.subscribe = &subscription;
  _cleanup_reply_ Reply *reply = NULL;
  return connection_call(c, &request, &reply, e);
}

// What would end this command cancels the save first; a second time it ends this command only.
static int open_interrupts(void) {
  sigset_t set;
  (void)sigemptyset(&set);
  (void)sigaddset(&set, SIGINT);
  (void)sigaddset(&set, SIGTERM);
  (void)sigaddset(&set, SIGHUP);
  (void)sigprocmask(SIG_BLOCK, &set, NULL);
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void report(const Snapback__Control__SaveReport *m) {
  _cleanup_free_ char *size = text_of_bytes(m->bytes);
  if (m->parent[0])
    (void)printf("%s (%s, builds on %s)\n", m->path, size, m->parent);
  else
    (void)printf("%s (%s)\n", m->path, size);
}

int save_and_report(struct connection *c, SaveRequest *save, struct error *e) {
  struct progress progress = {.snapshot = save->snapshot};
  Request request = SNAPBACK__CONTROL__REQUEST__INIT;
  request.verb_case = SNAPBACK__CONTROL__REQUEST__VERB_SAVE;
  request.save = save;
  _cleanup_reply_ Reply *reply = NULL;
  if (isatty(STDERR_FILENO) && subscribe(c, e) < 0)
    return -1;
  _cleanup_fd_ int interrupts = open_interrupts();
  int r = connection_follow(c, &request, interrupts, show, &progress, &reply, e);
  if (progress.shown)
    (void)fputs("\r\x1b[K", stderr);
  if (r < 0)
    return -1;
  report(reply->saved);
  return 0;
}

// ---- the command ----

static int last_snapshot(struct connection *c, uint64_t *ret, struct error *e) {
  _cleanup_reply_ Reply *reply = NULL;
  if (ask_list(c, false, &reply, e))
    return -1;
  size_t n = reply->list->n_snapshot;
  *ret = n ? reply->list->snapshot[n - 1]->id : 0;
  return n ? 0
           : error_set(e, ERROR_NO_SUCH_SNAPSHOT,
                       "session %s has no snapshot yet; 'snapback snapshot --save' takes one and saves it",
                       connection_session(c));
}

static int run(const struct command *self, int argc, char **argv) {
  const char *session = NULL;
  struct save_words words = {0};
  const struct option_row rows[] = {
      {"session", 's', &session, NULL},
      SAVE_OPTION_ROWS(words),
      {0},
  };
  SaveRequest save = SNAPBACK__CONTROL__SAVE_REQUEST__INIT;
  int r = options_parse(self, rows, true, &argc, &argv);
  if (r || (r = save_options_fill(self, &words, &save)))
    return r;
  if (argc > 1)
    return command_usage_error(self, "save: what is '%s'? One snapshot is saved at a time", argv[1]);
  struct error e = {0};
  _cleanup_connection_ struct connection *c = NULL;
  _cleanup_free_ char *path = save.path = save_path(words.output);
  if (connection_open(session, &c, &e) ||
      (argc ? ask_snapshot(c, argv[0], &save.snapshot, &e) : last_snapshot(c, &save.snapshot, &e)) ||
      save_and_report(c, &save, &e))
    return command_failed(&e);
  return EXIT_OK;
}

const struct command command_save = {
    .name = "save",
    .usage = "[-s SESSION] [ID|NAME] [-o FILE|FOLDER] [--files] [--full] [--with-debugger] "
             "[--compress none|zstd]",
    .summary = "Save a snapshot to an image file",
    .help =
        "An image outlasts its session: 'snapback restart' builds the session again from it, also on another day.\n"
        "The program goes on meanwhile. Without ID, the last snapshot is saved. An image that exists is replaced when\n"
        "the new one is whole. Pages that an older image of this session has already are not stored again; the older\n"
        "image must stay then ('snapback export' makes a file that stands alone). Ctrl-C cancels: nothing is left.\n"
        "Prints the path of the image and its size.\n\n"
        "  -s, --session SESSION  a session's name or socket\n"
        "  -o, --output PATH      the file, or a folder where it gets a name of its own; else the folder that\n"
        "                         'snapback launch --image-folder' names, or where the session was started\n"
        "      --files            keep the contents of files that the program has open for writing, too\n"
        "      --full             refer to no older image\n"
        "      --with-debugger    gdb, too: 'snapback restart' brings the whole session back\n"
        "      --compress HOW     none, or zstd: smaller, but slower to write\n",
    .run = run,
};
