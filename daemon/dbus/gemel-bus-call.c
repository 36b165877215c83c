/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Serves method calls by table. The skeletons' handle-* signals all end in one marshaller, so that
 * no method can forget the options, the rights or the reply.
 */
#include "dbus/gemel-bus-call.h"

#include "dbus/gemel-dbus-private.h"
#include <gio/gunixfdlist.h>
#include <string.h>

static void
call_free (GemelBusCall *call)
{
  call->dbus->calls--;
  g_variant_dict_unref (call->options);
  gemel_dbus_unref (call->dbus);
  g_free (call);
}

/**
 * gemel_bus_call_return:
 * @call: (transfer full): a call
 * @value: (transfer floating) (nullable): the out arguments as a tuple, %NULL for none
 *
 * Replies with success.
 * Thread: main
 */
void
gemel_bus_call_return (GemelBusCall *call,
                       GVariant     *value)
{
  g_dbus_method_invocation_return_value (call->invocation, value);
  call_free (call);
}

/**
 * gemel_bus_call_return_fd:
 * @call: (transfer full): a call of a method with one out argument "h"
 * @fd: (transfer full): the file descriptor; closed here after it was passed on
 *
 * Replies with a file descriptor. The connection must be able to pass it.
 * Thread: main
 */
void
gemel_bus_call_return_fd (GemelBusCall *call,
                          int           fd)
{
  g_autoptr (GUnixFDList) list = g_unix_fd_list_new_from_array (&fd, 1);

  g_dbus_method_invocation_return_value_with_unix_fd_list (call->invocation,
                                                           g_variant_new ("(h)", 0), list);
  call_free (call);
}

/**
 * gemel_bus_call_fail:
 * @call: (transfer full): a call
 * @error: (transfer full): why
 *
 * Replies with an error. An error of another domain becomes org.gemel.Gemel1.Error.Failed, so that
 * callers need to know one family of names only.
 * Thread: main
 */
void
gemel_bus_call_fail (GemelBusCall *call,
                     GError       *error)
{
  if (gemel_error_is (error, GEMEL_ERROR_NOT_AUTHORIZED))
    gemel_bus_node_set_calls_denied (call->dbus->node, ++call->dbus->calls_denied);

  if (error->domain == GEMEL_ERROR)
    g_dbus_method_invocation_return_gerror (call->invocation, error);
  else
    g_dbus_method_invocation_return_error_literal (
      call->invocation, GEMEL_ERROR,
      g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED) ? GEMEL_ERROR_CANCELLED
                                                                : GEMEL_ERROR_FAILED,
      error->message);
  g_error_free (error);
  call_free (call);
}

static const GemelBusOption *
find_option (const GemelBusOption *options,
             const char           *key)
{
  for (guint i = 0; options != NULL && options[i].key != NULL; i++)
    {
      if (strcmp (options[i].key, key) == 0)
        return &options[i];
    }
  return NULL;
}

static char *
describe_options (const GemelBusOption *options)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; options != NULL && options[i].key != NULL; i++)
    g_string_append_printf (text, "%s%s (%s)", i > 0 ? ", " : "", options[i].key, options[i].type);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* A misspelt option that is passed over in silence would do something else than was asked for. */
static gboolean
check_options (GVariant             *dictionary,
               const GemelBusOption *options,
               GError              **error)
{
  GVariantIter iter;
  const char  *key;
  GVariant    *boxed;

  g_variant_iter_init (&iter, dictionary);
  while (g_variant_iter_next (&iter, "{&sv}", &key, &boxed))
    {
      g_autoptr (GVariant)  value = boxed;
      const GemelBusOption *option = find_option (options, key);

      if (option == NULL)
        {
          g_autofree char *known = describe_options (options);

          g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
                       "unknown option \"%.64s\"; this method knows: %s", key,
                       *known ? known : "none");
          return FALSE;
        }
      if (!g_variant_is_of_type (value, G_VARIANT_TYPE (option->type)))
        {
          g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
                       "option \"%s\" must be of type %s, not %.32s", option->key, option->type,
                       g_variant_get_type_string (value));
          return FALSE;
        }
    }
  return TRUE;
}

static void
authorize_cb (GObject      *source,
              GAsyncResult *result,
              gpointer      user_data)
{
  GemelBusCall      *call = user_data;
  g_autoptr (GError) local_error = NULL;

  /* The node must not be called once it stops: the check is cancelled then. */
  if (gemel_authority_check_finish (call->dbus->authority, result, &local_error))
    call->method->run (call);
  else
    gemel_bus_call_fail (call, g_steal_pointer (&local_error));
}

static void
authorize (GemelBusCall *call)
{
  GDBusMessage *message = g_dbus_method_invocation_get_message (call->invocation);
  gboolean      interactive = (g_dbus_message_get_flags (message) &
                          G_DBUS_MESSAGE_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION) != 0;

  if (call->method->right == GEMEL_RIGHT_NONE && !call->dbus->private_bus)
    {
      call->method->run (call);
      return;
    }
  gemel_authority_check_async (call->dbus->authority,
                               g_dbus_method_invocation_get_sender (call->invocation),
                               call->method->right, interactive, call->dbus->cancellable,
                               authorize_cb, call);
}

static void
dispatch (GemelDbus             *dbus,
          GDBusMethodInvocation *invocation,
          const GemelBusMethod  *method)
{
  GVariant            *parameters = g_dbus_method_invocation_get_parameters (invocation);
  g_autoptr (GVariant) dictionary =
    g_variant_get_child_value (parameters, g_variant_n_children (parameters) - 1);
  GemelBusCall *call = g_new0 (GemelBusCall, 1);
  GError       *local_error = NULL;

  call->dbus = gemel_dbus_ref (dbus);
  call->invocation = invocation;
  call->parameters = parameters;
  call->method = method;
  call->options = g_variant_dict_new (dictionary);
  dbus->calls++;

  if (dbus->calls > GEMEL_BUS_CALLS_MAX)
    {
      gemel_bus_node_set_calls_limited (dbus->node, ++dbus->calls_limited);
      gemel_bus_call_fail (call, g_error_new (GEMEL_ERROR, GEMEL_ERROR_LIMIT,
                                              "%d calls are waiting already; try again, or use "
                                              "OpenStream for many small writes",
                                              GEMEL_BUS_CALLS_MAX));
    }
  else if (!check_options (dictionary, method->options, &local_error) ||
           (method->check != NULL && !method->check (call, &local_error)))
    gemel_bus_call_fail (call, local_error);
  else
    authorize (call);
}

/* Parameters of each handle-* signal: skeleton, invocation, then the arguments. */
static void
marshal_call (GClosure     *closure,
              GValue       *return_value,
              guint         n_values,
              const GValue *values,
              gpointer      hint,
              gpointer      marshal_data)
{
  GDBusMethodInvocation *invocation = g_value_get_object (&values[1]);

  g_value_set_boolean (return_value, TRUE);
  dispatch (closure->data, invocation, marshal_data);
}

static char *
dup_signal_name (const char *method_name)
{
  g_autoptr (GString) signal = g_string_new ("handle");

  for (const char *p = method_name; *p != '\0'; p++)
    {
      if (g_ascii_isupper (*p))
        g_string_append_c (signal, '-');
      g_string_append_c (signal, g_ascii_tolower (*p));
    }
  return g_string_free (g_steal_pointer (&signal), FALSE);
}

/**
 * gemel_bus_connect_methods:
 * @dbus: whose methods they are
 * @skeleton: a generated skeleton
 * @methods: (array length=n_methods): static
 * @n_methods: how many
 *
 * Serves these methods of @skeleton. @dbus must outlive @skeleton on the bus.
 * Thread: main
 */
void
gemel_bus_connect_methods (GemelDbus            *dbus,
                           gpointer              skeleton,
                           const GemelBusMethod *methods,
                           guint                 n_methods)
{
  for (guint i = 0; i < n_methods; i++)
    {
      g_autofree char *signal = dup_signal_name (methods[i].name);
      GClosure        *closure = g_closure_new_simple (sizeof (GClosure), dbus);

      g_closure_set_meta_marshal (closure, (gpointer) &methods[i], marshal_call);
      g_closure_set_marshal (closure, g_cclosure_marshal_generic);
      g_signal_connect_closure (skeleton, signal, closure, FALSE);
    }
}
