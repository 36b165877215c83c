/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Asks the bus daemon for a caller's uid and, on the system bus, polkit for its rights. polkit is
 * called by plain D-Bus, so that nothing of it is linked; where it is not there only root and the
 * daemon's own user remain.
 */
#include "dbus/gemel-authority.h"

#include <unistd.h>

#define BUS_NAME                "org.freedesktop.DBus"
#define BUS_PATH                "/org/freedesktop/DBus"
#define POLKIT_NAME             "org.freedesktop.PolicyKit1"
#define POLKIT_PATH             "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE        "org.freedesktop.PolicyKit1.Authority"
#define POLKIT_FLAG_INTERACTION 1u
#define LOOKUP_TIMEOUT_MS       5000
#define POLKIT_TIMEOUT_MS       25000

struct _GemelAuthority
{
  GDBusConnection *connection;
  gboolean         private_bus;
  GHashTable      *senders; /* unique name -> Sender */
};

/** A caller that is remembered until its connection goes away. */
typedef struct
{
  GDBusConnection *connection;
  guint            subscription;
  gboolean         known;
  guint32          uid;
} Sender;

typedef struct
{
  GemelAuthority *authority; /* owned */
  char           *sender;
  GemelRight      right;
  gboolean        interactive;
} Check;

static void
sender_free (gpointer data)
{
  Sender *sender = data;

  g_dbus_connection_signal_unsubscribe (sender->connection, sender->subscription);
  g_object_unref (sender->connection);
  g_free (sender);
}

static void
check_free (gpointer data)
{
  Check *check = data;

  gemel_authority_unref (check->authority);
  g_free (check->sender);
  g_free (check);
}

static void
authority_clear (gpointer data)
{
  GemelAuthority *authority = data;

  g_hash_table_unref (authority->senders);
  g_object_unref (authority->connection);
}

/**
 * gemel_right_get_action_id:
 * @right: a right
 *
 * Returns: (nullable) (transfer none): the polkit action, %NULL for %GEMEL_RIGHT_NONE.
 * Thread: any
 */
const char *
gemel_right_get_action_id (GemelRight right)
{
  switch (right)
    {
    case GEMEL_RIGHT_OPERATE:
      return "org.gemel.Gemel1.operate";
    case GEMEL_RIGHT_CONFIGURE:
      return "org.gemel.Gemel1.configure";
    case GEMEL_RIGHT_PAIR:
      return "org.gemel.Gemel1.pair";
    case GEMEL_RIGHT_READ_LOG:
      return "org.gemel.Gemel1.read-log";
    case GEMEL_RIGHT_DEBUG:
      return "org.gemel.Gemel1.debug";
    case GEMEL_RIGHT_NONE:
      break;
    }
  return NULL;
}

/**
 * gemel_authority_new:
 * @connection: the bus on which callers are judged
 * @private_bus: only the daemon's own user may call
 * @error: return location
 *
 * With @private_bus this waits for the answer of the bus daemons (at the start of the process
 * only), because what a private bus allows must never be allowed on the system bus.
 *
 * Returns: (transfer full) (nullable): the authority; free with gemel_authority_unref().
 * Errors: %GEMEL_ERROR_SETTING when a bus that should be private is the system bus.
 * Thread: main
 */
GemelAuthority *
gemel_authority_new (GDBusConnection *connection,
                     gboolean         private_bus,
                     GError         **error)
{
  GemelAuthority *authority;

  g_return_val_if_fail (G_IS_DBUS_CONNECTION (connection), NULL);

  if (private_bus && gemel_bus_is_system (connection))
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_SETTING,
                           "the bus given as private is the system bus; leave --bus-address out "
                           "to use the system bus with polkit");
      return NULL;
    }
  authority = g_rc_box_new0 (GemelAuthority);
  authority->connection = g_object_ref (connection);
  authority->private_bus = private_bus;
  authority->senders = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, sender_free);
  return authority;
}

/**
 * gemel_authority_unref:
 * @authority: (transfer full): an authority
 *
 * Lets go; checks that are under way hold a reference of their own.
 * Thread: main
 */
void
gemel_authority_unref (GemelAuthority *authority)
{
  g_rc_box_release_full (authority, authority_clear);
}

/**
 * gemel_authority_get_n_senders:
 * @authority: an authority
 *
 * Returns: how many callers are remembered, at most %GEMEL_AUTHORITY_SENDERS_MAX.
 * Thread: main
 */
guint
gemel_authority_get_n_senders (GemelAuthority *authority)
{
  return g_hash_table_size (authority->senders);
}

static void
on_name_owner_changed (GDBusConnection *connection,
                       const char      *sender_name,
                       const char      *object_path,
                       const char      *interface_name,
                       const char      *signal_name,
                       GVariant        *parameters,
                       gpointer         user_data)
{
  GemelAuthority *authority = user_data;
  const char     *name;
  const char     *new_owner;

  if (!g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(sss)")))
    return;
  g_variant_get (parameters, "(&s&s&s)", &name, NULL, &new_owner);
  if (*new_owner == '\0')
    g_hash_table_remove (authority->senders, name);
}

/* Subscribed before the uid is asked for, so that a caller cannot leave unseen in between. */
static void
remember_sender (GemelAuthority *authority,
                 const char     *name)
{
  Sender *sender;

  if (g_hash_table_contains (authority->senders, name) ||
      g_hash_table_size (authority->senders) >= GEMEL_AUTHORITY_SENDERS_MAX)
    return;
  sender = g_new0 (Sender, 1);
  sender->connection = g_object_ref (authority->connection);
  sender->subscription = g_dbus_connection_signal_subscribe (
    authority->connection, BUS_NAME, BUS_NAME, "NameOwnerChanged", BUS_PATH, name,
    G_DBUS_SIGNAL_FLAGS_NONE, on_name_owner_changed, authority, NULL);
  g_hash_table_insert (authority->senders, g_strdup (name), sender);
}

static void
deny (GTask      *task,
      const char *why)
{
  const Check *check = g_task_get_task_data (task);
  const char  *action = gemel_right_get_action_id (check->right);

  g_task_return_new_error (task, GEMEL_ERROR, GEMEL_ERROR_NOT_AUTHORIZED,
                           "this caller may not do that (%s): %s", action ? action : "any call",
                           why);
}

static gboolean
polkit_is_absent (const GError *error)
{
  return g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN) ||
         g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER) ||
         g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_SPAWN_SERVICE_NOT_FOUND);
}

static void
check_polkit_cb (GObject      *source,
                 GAsyncResult *result,
                 gpointer      user_data)
{
  g_autoptr (GTask)    task = user_data;
  g_autoptr (GError)   local_error = NULL;
  g_autoptr (GVariant) reply = NULL;
  gboolean             authorized;
  gboolean             challenge;

  reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &local_error);
  if (reply == NULL && polkit_is_absent (local_error))
    {
      deny (task, "polkit is not running, so only root is allowed");
      return;
    }
  if (reply == NULL)
    {
      g_dbus_error_strip_remote_error (local_error);
      deny (task, local_error->message);
      return;
    }
  g_variant_get (reply, "((bba{ss}))", &authorized, &challenge, NULL);
  if (authorized)
    g_task_return_boolean (task, TRUE);
  else if (challenge)
    deny (task, "authentication is needed, but nobody could be asked; use root or a polkit agent");
  else
    deny (task, "polkit refused; ask the administrator for a rule");
}

static void
ask_polkit (GTask *task)
{
  const Check             *check = g_task_get_task_data (task);
  g_auto (GVariantBuilder) subject = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_VARDICT);

  g_variant_builder_add (&subject, "{sv}", "name", g_variant_new_string (check->sender));
  /* A person types a password: no time-out then. */
  g_dbus_connection_call (check->authority->connection, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE,
                          "CheckAuthorization",
                          g_variant_new ("((sa{sv})sa{ss}us)", "system-bus-name", &subject,
                                         gemel_right_get_action_id (check->right), NULL,
                                         check->interactive ? POLKIT_FLAG_INTERACTION : 0u, ""),
                          G_VARIANT_TYPE ("((bba{ss}))"), G_DBUS_CALL_FLAGS_NONE,
                          check->interactive ? G_MAXINT : POLKIT_TIMEOUT_MS,
                          g_task_get_cancellable (task), check_polkit_cb, g_object_ref (task));
}

static void
judge_uid (GTask  *task,
           guint32 uid)
{
  const Check *check = g_task_get_task_data (task);

  if (uid == geteuid ())
    g_task_return_boolean (task, TRUE);
  else if (check->authority->private_bus)
    deny (task, "on a private bus only the user of gemeld is allowed");
  else if (uid == 0 || check->right == GEMEL_RIGHT_NONE)
    g_task_return_boolean (task, TRUE);
  else
    ask_polkit (task);
}

static void
look_up_uid_cb (GObject      *source,
                GAsyncResult *result,
                gpointer      user_data)
{
  g_autoptr (GTask)    task = user_data;
  const Check         *check = g_task_get_task_data (task);
  g_autoptr (GError)   local_error = NULL;
  g_autoptr (GVariant) reply = NULL;
  Sender              *sender;
  guint32              uid;

  reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &local_error);
  if (reply == NULL)
    {
      g_hash_table_remove (check->authority->senders, check->sender);
      g_dbus_error_strip_remote_error (local_error);
      deny (task, local_error->message);
      return;
    }
  g_variant_get (reply, "(u)", &uid);
  sender = g_hash_table_lookup (check->authority->senders, check->sender);
  if (sender != NULL)
    {
      sender->known = TRUE;
      sender->uid = uid;
    }
  judge_uid (task, uid);
}

/**
 * gemel_authority_check_async:
 * @authority: an authority
 * @sender: (nullable): the caller's unique name; %NULL (no bus daemon vouches for it) is refused
 * @right: what it wants
 * @interactive: polkit may ask a person
 * @cancellable: (nullable): a cancellable
 * @callback: called when it is decided
 * @user_data: for @callback
 *
 * Decides whether @sender may use @right. The uid of a caller is asked for once.
 * Thread: main
 */
void
gemel_authority_check_async (GemelAuthority     *authority,
                             const char         *sender,
                             GemelRight          right,
                             gboolean            interactive,
                             GCancellable       *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer            user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  Check            *check = g_new0 (Check, 1);
  const Sender     *known;

  g_task_set_source_tag (task, gemel_authority_check_async);
  check->authority = g_rc_box_acquire (authority);
  check->sender = g_strdup (sender);
  check->right = right;
  check->interactive = interactive;
  g_task_set_task_data (task, check, check_free);

  if (sender == NULL)
    {
      deny (task, "no bus vouches for who it is");
      return;
    }
  known = g_hash_table_lookup (authority->senders, sender);
  if (known != NULL && known->known)
    {
      judge_uid (task, known->uid);
      return;
    }
  remember_sender (authority, sender);
  g_dbus_connection_call (authority->connection, BUS_NAME, BUS_PATH, BUS_NAME,
                          "GetConnectionUnixUser", g_variant_new ("(s)", sender),
                          G_VARIANT_TYPE ("(u)"), G_DBUS_CALL_FLAGS_NONE, LOOKUP_TIMEOUT_MS,
                          cancellable, look_up_uid_cb, g_object_ref (task));
}

/**
 * gemel_authority_check_finish:
 * @authority: an authority
 * @result: of gemel_authority_check_async()
 * @error: return location
 *
 * Returns: whether the caller is allowed.
 * Errors: %GEMEL_ERROR_NOT_AUTHORIZED with the reason.
 * Thread: main
 */
gboolean
gemel_authority_check_finish (GemelAuthority *authority,
                              GAsyncResult   *result,
                              GError        **error)
{
  g_return_val_if_fail (g_task_is_valid (result, NULL), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

static char *
dup_bus_id (GDBusConnection *connection)
{
  g_autoptr (GVariant) reply = NULL;
  char                *id;

  /* tidy: no-sync-calls: at the start of the process, before the main loop */
  reply = g_dbus_connection_call_sync (connection, BUS_NAME, BUS_PATH, BUS_NAME, "GetId", NULL,
                                       G_VARIANT_TYPE ("(s)"), G_DBUS_CALL_FLAGS_NONE,
                                       LOOKUP_TIMEOUT_MS, NULL, NULL);
  if (reply == NULL)
    return NULL;
  g_variant_get (reply, "(s)", &id);
  return id;
}

/**
 * gemel_bus_is_system:
 * @connection: a connection to a bus daemon
 *
 * Compares the identity of the bus with that of the system bus, at the address of the environment
 * and at the usual one: addresses can be written in many ways, identities cannot. Waits; for the
 * start of the process only.
 *
 * Returns: whether both are the same bus.
 * Thread: main
 */
gboolean
gemel_bus_is_system (GDBusConnection *connection)
{
  g_autofree char *own_id = dup_bus_id (connection);
  /* tidy: no-sync-calls: as above */
  g_autofree char *environment = g_dbus_address_get_for_bus_sync (G_BUS_TYPE_SYSTEM, NULL, NULL);
  const char      *addresses[] = { environment, "unix:path=/run/dbus/system_bus_socket" };

  for (guint i = 0; own_id != NULL && i < G_N_ELEMENTS (addresses); i++)
    {
      g_autoptr (GDBusConnection) other = NULL;
      g_autofree char            *other_id = NULL;

      if (addresses[i] == NULL)
        continue;
      /* tidy: no-sync-calls: as above */
      other = g_dbus_connection_new_for_address_sync (
        addresses[i],
        G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
          G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
        NULL, NULL, NULL);
      if (other == NULL)
        continue;
      other_id = dup_bus_id (other);
      if (g_strcmp0 (own_id, other_id) == 0)
        return TRUE;
    }
  return FALSE;
}
