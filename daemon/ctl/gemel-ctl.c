/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The frame of gemelctl: options that all commands have, help, finding the command, exit code.
 *
 * A command's own options are parsed by the command (gemel_ctl_parse), which knows the common ones
 * too, so that both "gemelctl --json status" and "gemelctl status --json" work.
 */
#include "ctl/gemel-ctl.h"

#include "ctl/gemel-ctl-format.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define TIMEOUT_S_DEFAULT 30.0
#define TIMEOUT_S_MAX     86400.0
#define WIDTH_MIN         40

static const char exit_codes[] =
  "Exit codes:\n"
  "  0  done\n"
  "  1  failed\n"
  "  2  wrong usage or a value that is not allowed\n"
  "  3  not authorised\n"
  "  4  no daemon reachable\n"
  "  5  refused by the state of the pair (not active, no authority, not level,\n"
  "     switching, not paired, peer not reachable)\n";

static gboolean
on_version (const char *name,
            const char *value,
            gpointer    data,
            GError    **error)
{
  g_print ("gemelctl %s\n", GEMEL_CTL_VERSION);
  exit (GEMEL_CTL_DONE);
}

static void
add_common (GemelCtl       *ctl,
            GOptionContext *context)
{
  /* clang-format off */
  const GOptionEntry entries[] = {
    { "bus-address", 0, 0, G_OPTION_ARG_STRING, &ctl->bus_address,
      "Talk over this bus instead of the system bus (also: GEMEL_BUS_ADDRESS)", "ADDRESS" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &ctl->json, "Print JSON, for programs", NULL },
    { "no-color", 0, 0, G_OPTION_ARG_NONE, &ctl->no_color,
      "No colour on a terminal (also: NO_COLOR)", NULL },
    { "timeout", 0, 0, G_OPTION_ARG_STRING, &ctl->timeout_text,
      "How long to wait for an answer, or for a job that stands still (default 30)", "SECONDS" },
    { "version", 0, G_OPTION_FLAG_NO_ARG, G_OPTION_ARG_CALLBACK, on_version,
      "Print the version", NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  /* clang-format on */

  g_option_context_add_main_entries (context, entries, NULL);
}

static gboolean
check_common (GemelCtl *ctl,
              GError  **error)
{
  char *end = NULL;

  if (ctl->timeout_text == NULL)
    return TRUE;
  ctl->timeout_s = g_ascii_strtod (ctl->timeout_text, &end);
  if (end != ctl->timeout_text && *end == '\0' && ctl->timeout_s > 0 &&
      ctl->timeout_s <= TIMEOUT_S_MAX)
    return TRUE;
  g_set_error (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE,
               "--timeout is a number of seconds, above 0 and at most %.0f", TIMEOUT_S_MAX);
  return FALSE;
}

static gboolean
check_arguments (GemelCtl   *ctl,
                 const char *parameters,
                 guint       n_min,
                 guint       n_max,
                 char      **given,
                 GError    **error)
{
  const guint n = g_strv_length (given);

  for (guint i = 0; i < n; i++)
    {
      if (g_utf8_validate (given[i], -1, NULL))
        continue;
      g_set_error (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE,
                   "argument %u is not valid UTF-8; give bytes with --file where a command has it",
                   i + 1);
      return FALSE;
    }
  if (n >= n_min && n <= n_max)
    return TRUE;
  if (n > n_max)
    g_set_error (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE,
                 "unexpected argument “%s”; usage: gemelctl %s%s%s", given[n_max],
                 ctl->command->name, *parameters != '\0' ? " " : "", parameters);
  else
    g_set_error (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE,
                 "an argument is missing; usage: gemelctl %s %s", ctl->command->name, parameters);
  return FALSE;
}

/* "-5" was meant as a value. */
static void
hint_at_dashes (GError **error)
{
  if (error != NULL && *error != NULL && strpbrk ((*error)->message, "0123456789") != NULL &&
      g_error_matches (*error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION))
    {
      g_autofree char *message = g_steal_pointer (&(*error)->message);

      (*error)->message = g_strconcat (message, "; put -- before a value that begins with -", NULL);
    }
}

/**
 * gemel_ctl_parse:
 * @ctl: the frame
 * @entries: (nullable): options of the command
 * @parameters: how the help names the arguments, for example "PROVIDER KEY"
 * @n_min: how many arguments there must be
 * @n_max: how many there may be
 * @args: (inout): what follows the command; afterwards the arguments without the options
 * @error: GEMEL_CTL_USAGE
 *
 * Also answers --help, and then does not return.
 *
 * Returns: whether the command can go on.
 * Thread: main
 */
gboolean
gemel_ctl_parse (GemelCtl           *ctl,
                 const GOptionEntry *entries,
                 const char         *parameters,
                 guint               n_min,
                 guint               n_max,
                 char             ***args,
                 GError            **error)
{
  g_autoptr (GOptionContext) context = g_option_context_new (parameters);
  g_autofree char           *program = g_strconcat ("gemelctl ", ctl->command->name, NULL);
  g_auto (GStrv)             rest = NULL;
  const GOptionEntry         remaining[] = {
            { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &rest, NULL, NULL },
            { NULL, 0, 0, 0, NULL, NULL, NULL },
  };

  /* The help takes the name of the program from here. */
  g_set_prgname (program);
  g_option_context_set_summary (context, ctl->command->description);
  g_option_context_set_description (context, exit_codes);
  if (entries != NULL)
    g_option_context_add_main_entries (context, entries, NULL);
  add_common (ctl, context);
  g_option_context_add_main_entries (context, remaining, NULL);
  if (!g_option_context_parse_strv (context, args, error))
    {
      hint_at_dashes (error);
      return FALSE;
    }
  if (!check_common (ctl, error))
    return FALSE;
  if (rest == NULL)
    rest = g_new0 (char *, 1);
  if (!check_arguments (ctl, parameters, n_min, n_max, rest, error))
    return FALSE;
  ctl->colour = ctl->tty && !ctl->no_color;
  g_strfreev (*args);
  *args = g_steal_pointer (&rest);
  return TRUE;
}

static void
print_help (GOptionContext *context)
{
  const GemelCtlCommand *commands = gemel_ctl_get_commands ();
  GString               *text = g_string_new ("Commands:\n");

  for (guint i = 0; commands[i].name != NULL; i++)
    {
      if (commands[i].description != NULL)
        g_string_append_printf (text, "  %-18s %s\n", commands[i].name, commands[i].description);
    }
  g_string_append (text, "\ngemelctl COMMAND --help says more about a command.\n\n");
  g_string_append (text, exit_codes);
  g_option_context_set_description (context, text->str);
  g_string_free (text, TRUE);
  text = NULL;
  {
    g_autofree char *help = g_option_context_get_help (context, TRUE, NULL);

    g_print ("%s", help);
  }
}

/* "pair" alone is no command, but the user is near: say what there is. */
static void
append_group (GString    *text,
              const char *word)
{
  const GemelCtlCommand *commands = gemel_ctl_get_commands ();
  g_autofree char       *prefix = g_strconcat (word, " ", NULL);
  const gsize            start = text->len;

  for (guint i = 0; commands[i].name != NULL; i++)
    {
      if (g_str_has_prefix (commands[i].name, prefix))
        g_string_append_printf (text, "%s%s", text->len > start ? ", " : "", commands[i].name);
    }
}

static void
set_unknown_command (char   **words,
                     GError **error)
{
  g_autoptr (GString) group = g_string_new (NULL);
  const gboolean      more = words[1] != NULL && words[1][0] != '-';
  g_autofree char    *both = more ? g_strconcat (words[0], " ", words[1], NULL)
                                  : g_strdup (words[0]);
  const char         *near = gemel_ctl_nearest_command (both);
  g_autofree char    *shown = gemel_ctl_sanitize (both);

  append_group (group, words[0]);
  if (near == NULL && group->len == 0)
    near = gemel_ctl_nearest_command (words[0]);
  if (near != NULL && more)
    g_set_error (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE,
                 "there is no command “%s”; did you mean “%s”?", shown, near);
  else if (group->len > 0)
    g_set_error (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE, "“%s” needs one more word: %s", words[0],
                 group->str);
  else if (near != NULL)
    g_set_error (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE,
                 "there is no command “%s”; did you mean “%s”?", shown, near);
  else
    g_set_error (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE,
                 "there is no command “%s”; gemelctl --help lists them all", shown);
}

static void
look_at_terminal (GemelCtl *ctl)
{
  const char    *columns = g_getenv ("COLUMNS");
  struct winsize size = { 0 };

  ctl->tty = isatty (STDOUT_FILENO) == 1;
  ctl->no_color = g_getenv ("NO_COLOR") != NULL || g_strcmp0 (g_getenv ("TERM"), "dumb") == 0;
  if (!ctl->tty)
    return;
  if (columns != NULL)
    ctl->width = (guint) g_ascii_strtoull (columns, NULL, 10);
  else if (ioctl (STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
    ctl->width = size.ws_col;
  if (ctl->width != 0)
    ctl->width = MAX (ctl->width, WIDTH_MIN);
}

/* Options between the two words of a command: the common ones are taken here, so that what follows
 * them is seen ("log --json level"); the others go behind the second word. */
static gboolean
join_words (GemelCtl *ctl,
            char   ***words,
            GError  **error)
{
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);

  if ((*words)[1] == NULL || (*words)[1][0] != '-')
    return TRUE;
  g_option_context_set_help_enabled (context, FALSE);
  g_option_context_set_ignore_unknown_options (context, TRUE);
  g_option_context_set_strict_posix (context, TRUE);
  add_common (ctl, context);
  /* GOption takes the first word for the name of the program and leaves it. */
  if (strcmp ((*words)[1], "--") != 0 && !g_option_context_parse_strv (context, words, error))
    return FALSE;
  gemel_ctl_join_words (*words);
  return TRUE;
}

static gboolean
run_command (GemelCtl *ctl,
             char   ***words,
             GError  **error)
{
  g_auto (GStrv) args = NULL;
  guint          n_words = 0;

  if (!join_words (ctl, words, error))
    return FALSE;
  ctl->command = gemel_ctl_find_command ((const char *const *) *words, &n_words);
  if (ctl->command == NULL)
    {
      set_unknown_command (*words, error);
      return FALSE;
    }
  /* GOption takes the first one for the name of the program. */
  args = g_strdupv (*words + n_words - 1);
  return ctl->command->run (ctl, &args, error);
}

static gboolean
run (GemelCtl *ctl,
     char   ***args,
     GError  **error)
{
  g_autoptr (GOptionContext) context = g_option_context_new ("COMMAND …");
  g_auto (GStrv)             words = NULL;
  gboolean                   help = FALSE;
  const GOptionEntry         entries[] = {
            { "help", 'h', 0, G_OPTION_ARG_NONE, &help, "Print this help", NULL },
            { NULL, 0, 0, 0, NULL, NULL, NULL },
  };

  g_option_context_set_summary (context, "Controls the Gemel node of this machine, and through it "
                                         "the pair.");
  g_option_context_set_help_enabled (context, FALSE);
  g_option_context_set_strict_posix (context, TRUE);
  g_option_context_add_main_entries (context, entries, NULL);
  add_common (ctl, context);
  if (!g_option_context_parse_strv (context, args, error))
    return FALSE;
  if (help || g_strcmp0 ((*args)[1], "help") == 0)
    {
      print_help (context);
      return TRUE;
    }
  if ((*args)[1] == NULL)
    {
      g_set_error_literal (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE,
                           "which command? gemelctl status shows the pair, gemelctl --help lists "
                           "all commands");
      return FALSE;
    }
  words = g_strdupv (*args + 1);
  return run_command (ctl, &words, error);
}

/**
 * gemel_ctl_main:
 * @argc: of main ()
 * @argv: of main ()
 *
 * Returns: the exit code.
 * Thread: main
 */
int
gemel_ctl_main (int    argc,
                char **argv)
{
  GemelCtl           ctl = { .timeout_s = TIMEOUT_S_DEFAULT };
  g_auto (GStrv)     args = g_strdupv (argv);
  g_autoptr (GError) error = NULL;

  setlocale (LC_ALL, "");
  g_set_prgname ("gemelctl");
  ctl.bus_address = g_strdup (g_getenv (GEMEL_ENV_BUS_ADDRESS));
  look_at_terminal (&ctl);
  if (!run (&ctl, &args, &error))
    {
      g_autofree char *message = gemel_ctl_sanitize (error->message);

      g_printerr ("gemelctl: %s\n", message);
      ctl.status = gemel_ctl_error_to_status (error);
    }
  g_clear_object (&ctl.connection);
  g_free (ctl.bus_address);
  g_free (ctl.timeout_text);
  return (int) ctl.status;
}
