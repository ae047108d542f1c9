// SPDX-License-Identifier: EPL-2.0
// The `snapback` program: finds the command and runs it.
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "session/text.h"

const struct command *const commands[] = {
    &command_launch,       &command_gdb,
    &command_attach,       &command_detach,
    &command_snapshot,     &command_list,
    &command_rewind,       &command_delete,
    &command_rename,       &command_auto,
    &command_status,       &command_kill,
    &command_sessions,     &command_check,
    &command_save,         &command_restart,
    &command_inspect,      &command_verify,
    &command_export,       &command_diff,
    &command_core,
#ifdef SNAPBACK_FAULTS
    &command_fault_points,
#endif
    &command_help,         NULL,
};

const struct command *command_find(const char *name) {
  for (const struct command *const *c = commands; *c; c++)
    if (strcmp((*c)->name, name) == 0)
      return *c;
  return NULL;
}

int command_usage_error(const struct command *c, const char *format, ...) {
  va_list args;
  va_start(args, format);
  (void)fputs("snapback: ", stderr);
  (void)vfprintf(stderr, format, args);
  va_end(args);
  (void)fprintf(stderr, c ? "; see 'snapback help %s'\n" : "; see 'snapback help'\n", c ? c->name : "");
  return EXIT_USAGE;
}

// An error may name what a file or another process calls itself.
int command_failed(const struct error *e) {
  char text[sizeof e->text];
  memcpy(text, e->text, sizeof text);
  (void)fprintf(stderr, "snapback: %s\n", text_tame(text_clean(text)));
  return EXIT_ERROR;
}

int command_bad_option(const struct command *c, char **argv, int result) {
  const char *long_option = optind > 0 ? argv[optind - 1] : "";
  char letter[3] = {'-', (char)optopt, 0};
  const char *option = strncmp(long_option, "--", 2) == 0 || !optopt || optopt >= 256 ? long_option : letter;
  return command_usage_error(c, result == ':' ? "%s: the option %s needs a value" : "%s: there is no option %s",
                             c->name, option);
}

int command_number(const char *text, unsigned long max, unsigned long *ret) {
  if (!*text || strspn(text, "0123456789") != strlen(text))
    return -EINVAL;
  errno = 0;
  *ret = strtoul(text, NULL, 10);
  return errno || *ret > max ? -EINVAL : 0;
}

int command_files_policy(const struct command *c, const char *word, bool *ret_rewinds) {
  *ret_rewinds = word && strcmp(word, "rewind") == 0;
  if (!word || *ret_rewinds || strcmp(word, "keep") == 0)
    return 0;
  return command_usage_error(c, "%s: --files is keep or rewind, not '%s'", c->name, word);
}

int command_ipc_policy(const struct command *c, const char *word, bool *ret_host) {
  *ret_host = word && strcmp(word, "host") == 0;
  if (!word || *ret_host || strcmp(word, "own") == 0)
    return 0;
  return command_usage_error(c, "%s: --ipc is own or host, not '%s'", c->name, word);
}

int main(int argc, char **argv) {
  if (argc < 2) {
    (void)command_help.run(&command_help, 1, argv);
    return EXIT_USAGE;
  }
  if (strcmp(argv[1], "--version") == 0) {
    (void)printf("snapback %s\n", SNAPBACK_VERSION);
    return EXIT_OK;
  }
  if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
    return command_help.run(&command_help, 1, argv);
  const struct command *c = command_find(argv[1]);
  if (!c)
    return command_usage_error(NULL, "there is no command '%s'", argv[1]);
  if (argc == 3 && strcmp(argv[2], "--help") == 0 && !c->own_help)
    return command_help.run(&command_help, 2, (char *[]){(char *)"help", argv[1], NULL});
  return c->run(c, argc - 1, argv + 1);
}
