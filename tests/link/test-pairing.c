/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Pairing on loopback: who is paired afterwards, and who is not, however they try.
 */
#include "api/gemel-error.h"
#include "link-support.h"
#include "link/gemel-pairing-session.h"

#include <time.h>

static const guint8 master_uuid[16] = { 1, 2, 3 };
static const guint8 backup_uuid[16] = { 9, 8, 7 };

typedef struct
{
  GemelKeys           master_keys;
  GemelKeys           backup_keys;
  GemelKeys           other_keys;
  GemelListener      *listener;
  char               *address;
  GemelInvitation    *invitation;
  guint               n_served;
  GemelPairingResult *master_result;
  GError             *master_error;
  gboolean            joined;
  GemelPairingResult *backup_result;
  GError             *backup_error;
  GIOStream          *dialled;
  GIOStream          *relay_from; /* what the one in the middle accepted */
} Fixture;

static gint64
boot_us (void)
{
  struct timespec now;

  g_assert_cmpint (clock_gettime (CLOCK_BOOTTIME, &now), ==, 0);
  return (gint64) now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

static void
on_served (GObject      *source,
           GAsyncResult *result,
           gpointer      data)
{
  Fixture            *f = data;
  GemelPairingResult *found;

  g_clear_error (&f->master_error);
  found = gemel_invitation_serve_finish (f->invitation, result, &f->master_error);
  if (found != NULL)
    {
      g_assert_null (f->master_result);
      f->master_result = found;
    }
  f->n_served++;
  if (gemel_error_is (f->master_error, GEMEL_ERROR_PAIRING_REFUSED))
    gemel_listener_note_pairing_refused (f->listener, "test", f->master_error->message);
}

static void
on_accepted (GemelListener *listener,
             GemelChannel   channel,
             GIOStream     *io,
             gpointer       data)
{
  Fixture *f = data;

  g_assert_cmpint (channel, ==, GEMEL_CHANNEL_PAIR);
  gemel_invitation_serve_async (f->invitation, io, NULL, on_served, f);
  g_object_unref (io);
}

static const GemelListenerCallbacks callbacks = { on_accepted, NULL };

static void
invite (Fixture *f,
        gint64   now_us)
{
  g_clear_pointer (&f->invitation, gemel_invitation_free);
  f->invitation = gemel_invitation_new (&f->master_keys, f->address, master_uuid, "master", now_us);
  g_assert_nonnull (f->invitation);
}

static void
set_up (Fixture      *f,
        gconstpointer data)
{
  link_support_make_keys (&f->master_keys);
  link_support_make_keys (&f->backup_keys);
  link_support_make_keys (&f->other_keys);
  f->listener = gemel_listener_new (&f->master_keys, "127.0.0.1", 0, &callbacks, f, NULL);
  g_assert_nonnull (f->listener);
  gemel_listener_set_pairing (f->listener, TRUE);
  f->address = g_strdup_printf ("127.0.0.1:%u", gemel_listener_get_port (f->listener));
  invite (f, boot_us ());
}

static void
tear_down (Fixture      *f,
           gconstpointer data)
{
  gemel_listener_set_pairing (f->listener, FALSE);
  g_clear_pointer (&f->invitation, gemel_invitation_free);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_clear_pointer (&f->listener, gemel_listener_free);
  g_clear_pointer (&f->master_result, gemel_pairing_result_free);
  g_clear_pointer (&f->backup_result, gemel_pairing_result_free);
  g_clear_error (&f->master_error);
  g_clear_error (&f->backup_error);
  g_clear_object (&f->dialled);
  g_clear_object (&f->relay_from);
  gemel_keys_clear (&f->master_keys);
  gemel_keys_clear (&f->backup_keys);
  gemel_keys_clear (&f->other_keys);
  g_free (f->address);
}

static void
on_joined (GObject      *source,
           GAsyncResult *result,
           gpointer      data)
{
  Fixture *f = data;

  f->backup_result = gemel_pairing_join_finish (result, &f->backup_error);
  f->joined = TRUE;
}

static void
join (Fixture    *f,
      const char *code)
{
  g_clear_pointer (&f->backup_result, gemel_pairing_result_free);
  g_clear_error (&f->backup_error);
  f->joined = FALSE;
  gemel_pairing_join_async (&f->backup_keys, code, backup_uuid, "backup", NULL, on_joined, f);
  wait_until (f->joined);
}

static void
expect_refusal (Fixture    *f,
                const char *words)
{
  g_assert_error (f->backup_error, GEMEL_ERROR, GEMEL_ERROR_PAIRING_REFUSED);
  g_assert_nonnull (strstr (f->backup_error->message, words));
  g_assert_nonnull (strstr (f->backup_error->message, "gemelctl pair invite"));
  g_assert_null (f->backup_result);
  g_assert_null (f->master_result);
}

static guint64
count_refused (Fixture *f)
{
  GemelListenerCounters counters;

  gemel_listener_get_counters (f->listener, &counters);
  return counters.refused_pairing;
}

static char *
forge (Fixture      *f,
       gboolean      wrong_secret,
       const guint8 *pin,
       const char   *address)
{
  g_auto (GemelPairingCode) code = { 0 };

  g_assert_true (
    gemel_pairing_code_from_string (gemel_invitation_get_code (f->invitation), &code, NULL));
  if (wrong_secret)
    code.secret[5] ^= 1;
  if (pin != NULL)
    memcpy (code.pin, pin, sizeof code.pin);
  if (address != NULL)
    g_strlcpy (code.address, address, sizeof code.address);
  return gemel_pairing_code_to_string (&code);
}

/* --- the code as text ------------------------------------------------------------------------ */

static void
test_code_round_trip (void)
{
  gsize size;

  for (size = 1; size <= GEMEL_PAIRING_ADDRESS_BYTES_MAX; size++)
    {
      g_auto (GemelPairingCode) code = { 0 };
      g_auto (GemelPairingCode) again = { 0 };
      g_autofree char          *text = NULL;
      g_autofree char          *pasted = NULL;
      g_autoptr (GError)        error = NULL;
      gsize                     i;

      for (i = 0; i < sizeof code.pin; i++)
        code.pin[i] = (guint8) g_test_rand_int ();
      for (i = 0; i < sizeof code.secret; i++)
        code.secret[i] = (guint8) g_test_rand_int ();
      for (i = 0; i < size; i++)
        code.address[i] = (char) g_test_rand_int_range ('!', '~');
      text = gemel_pairing_code_to_string (&code);
      pasted = g_strdup_printf (" %s \n", text);
      g_strdelimit (pasted, "-", ' ');
      for (i = 0; pasted[i] != '\0'; i++)
        pasted[i] = g_ascii_tolower (pasted[i]);
      g_assert_true (gemel_pairing_code_from_string (pasted, &again, &error));
      g_assert_no_error (error);
      g_assert_cmpmem (&code, sizeof code, &again, sizeof again);
    }
}

static void
test_damaged_code (Fixture      *f,
                   gconstpointer data)
{
  const char *code = gemel_invitation_get_code (f->invitation);
  gsize       i, size = strlen (code);

  for (i = 0; i < size; i++)
    {
      g_autofree char   *damaged = g_strdup (code);
      g_autofree char   *cut = g_strndup (code, i);
      GemelPairingCode   ignored;
      g_autoptr (GError) error = NULL;

      g_assert_false (gemel_pairing_code_from_string (cut, &ignored, NULL));
      if (code[i] == '-')
        continue;
      damaged[i] = damaged[i] == 'C' ? 'D' : 'C';
      g_assert_false (gemel_pairing_code_from_string (damaged, &ignored, &error));
      g_assert_nonnull (strstr (error->message, "copy the whole code"));
    }
}

static void
test_nonsense_codes (Fixture      *f,
                     gconstpointer data)
{
  static const char *const bad[] = { "", " ", "A", "A-",
                                     "hello", "A-11111", "A-\xff\xfe", "AAAAAAAAAAAAAAAA",
                                     "B-AAAAA" };
  g_autofree char         *long_one = g_strnfill (100000, 'A');
  guint                    i;

  for (i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      join (f, bad[i]);
      g_assert_nonnull (f->backup_error);
      g_assert_true (f->backup_error->domain == GEMEL_ERROR);
    }
  join (f, long_one);
  g_assert_error (f->backup_error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS);
  g_assert_cmpuint (f->n_served, ==, 0);
}

/* --- joining --------------------------------------------------------------------------------- */

static void
test_good_code (Fixture      *f,
                gconstpointer data)
{
  g_assert_true (gemel_invitation_is_standing (f->invitation));
  join (f, gemel_invitation_get_code (f->invitation));
  g_assert_no_error (f->backup_error);
  wait_until (f->n_served == 1);
  g_assert_no_error (f->master_error);
  g_assert_false (gemel_invitation_is_standing (f->invitation));
  g_assert_cmpmem (f->master_result->pair_uuid, 16, f->backup_result->pair_uuid, 16);
  g_assert_cmpuint (f->master_result->pair_uuid[6] >> 4, ==, 4);
  g_assert_cmpmem (f->master_result->peer_uuid, 16, backup_uuid, 16);
  g_assert_cmpmem (f->backup_result->peer_uuid, 16, master_uuid, 16);
  g_assert_cmpmem (f->master_result->peer_pin, 32, f->backup_keys.pin, 32);
  g_assert_cmpmem (f->backup_result->peer_pin, 32, f->master_keys.pin, 32);
  g_assert_cmpuint (f->master_result->slot, ==, 0);
  g_assert_cmpuint (f->backup_result->slot, ==, 1);
  g_assert_cmpstr (f->master_result->peer_name, ==, "backup");
  g_assert_cmpstr (f->backup_result->peer_name, ==, "master");
  g_assert_cmpstr (f->backup_result->peer_address, ==, f->address);
  g_assert_cmpuint (count_refused (f), ==, 0);
}

static void
test_used_code (Fixture      *f,
                gconstpointer data)
{
  join (f, gemel_invitation_get_code (f->invitation));
  wait_until (f->n_served == 1);
  g_clear_pointer (&f->master_result, gemel_pairing_result_free);
  join (f, gemel_invitation_get_code (f->invitation));
  expect_refusal (f, "used before");
  wait_until (count_refused (f) == 1);
}

static void
test_joining_again_with_a_new_code (Fixture      *f,
                                    gconstpointer data)
{
  join (f, gemel_invitation_get_code (f->invitation));
  g_assert_no_error (f->backup_error);
  wait_until (f->n_served == 1);
  g_clear_pointer (&f->master_result, gemel_pairing_result_free);
  invite (f, boot_us ());
  join (f, gemel_invitation_get_code (f->invitation));
  g_assert_no_error (f->backup_error);
  wait_until (f->master_result != NULL);
  g_assert_cmpmem (f->master_result->pair_uuid, 16, f->backup_result->pair_uuid, 16);
}

static void
test_expired_code (Fixture      *f,
                   gconstpointer data)
{
  invite (f, boot_us () - (GEMEL_PAIRING_SECONDS + 1) * G_USEC_PER_SEC);
  g_assert_false (gemel_invitation_is_standing (f->invitation));
  join (f, gemel_invitation_get_code (f->invitation));
  expect_refusal (f, "expired");
  wait_until (count_refused (f) == 1);
}

static void
test_three_wrong_secrets_void_the_code (Fixture      *f,
                                        gconstpointer data)
{
  g_autofree char *wrong = forge (f, TRUE, NULL, NULL);
  guint            i;

  for (i = 0; i < GEMEL_PAIRING_TRIES; i++)
    {
      g_assert_true (gemel_invitation_is_standing (f->invitation));
      join (f, wrong);
      expect_refusal (f, "is wrong");
      wait_until (count_refused (f) == i + 1);
    }
  join (f, gemel_invitation_get_code (f->invitation));
  expect_refusal (f, "too many wrong tries");
}

static void
test_no_invitation (Fixture      *f,
                    gconstpointer data)
{
  gemel_listener_set_pairing (f->listener, FALSE);
  join (f, gemel_invitation_get_code (f->invitation));
  expect_refusal (f, "does not wait");
}

static void
test_same_identity (Fixture      *f,
                    gconstpointer data)
{
  gemel_pairing_join_async (&f->backup_keys, gemel_invitation_get_code (f->invitation), master_uuid,
                            "copy", NULL, on_joined, f);
  wait_until (f->joined && f->n_served == 1);
  g_assert_error (f->backup_error, GEMEL_ERROR, GEMEL_ERROR_IDENTITY);
  g_assert_error (f->master_error, GEMEL_ERROR, GEMEL_ERROR_IDENTITY);
}

static void
test_bad_names (Fixture      *f,
                gconstpointer data)
{
  gemel_pairing_join_async (&f->backup_keys, gemel_invitation_get_code (f->invitation), backup_uuid,
                            "a\nb", NULL, on_joined, f);
  wait_until (f->joined);
  g_assert_error (f->backup_error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS);
  g_assert_null (gemel_invitation_new (&f->master_keys, "", master_uuid, "master", 0));
  g_assert_null (gemel_invitation_new (&f->master_keys, f->address, master_uuid, "", 0));
}

/* --- in the middle --------------------------------------------------------------------------- */

static void
on_relay_dialled (GObject      *source,
                  GAsyncResult *result,
                  gpointer      data)
{
  Fixture           *f = data;
  g_autoptr (GError) error = NULL;

  f->dialled = gemel_dial_finish (result, &error);
  g_assert_no_error (error);
  g_io_stream_splice_async (f->relay_from, f->dialled, G_IO_STREAM_SPLICE_WAIT_FOR_BOTH,
                            G_PRIORITY_DEFAULT, NULL, NULL, NULL);
}

static void
on_relay_accepted (GemelListener *listener,
                   GemelChannel   channel,
                   GIOStream     *io,
                   gpointer       data)
{
  Fixture *f = data;

  f->relay_from = io;
  gemel_dial_async (&f->other_keys, f->address, NULL, GEMEL_CHANNEL_PAIR, 10000, NULL,
                    on_relay_dialled, f);
}

static const GemelListenerCallbacks relay_callbacks = { on_relay_accepted, NULL };

static void
test_man_in_the_middle (Fixture      *f,
                        gconstpointer data)
{
  g_autoptr (GemelListener) relay =
    gemel_listener_new (&f->other_keys, "127.0.0.1", 0, &relay_callbacks, f, NULL);
  g_autofree char *address = g_strdup_printf ("127.0.0.1:%u", gemel_listener_get_port (relay));
  g_autofree char *redirected = forge (f, FALSE, NULL, address);
  g_autofree char *rewritten = forge (f, FALSE, f->other_keys.pin, address);

  gemel_listener_set_pairing (relay, TRUE);
  /* The code names the master's key, so another key is found out before anything is said. */
  join (f, redirected);
  g_assert_error (f->backup_error, GEMEL_ERROR, GEMEL_ERROR_IDENTITY);
  g_assert_cmpuint (f->n_served, ==, 0);
  g_clear_object (&f->relay_from);
  /* Even with the pin in the code exchanged, the proof is good in the joiner's session alone. */
  join (f, rewritten);
  expect_refusal (f, "is wrong");
  wait_until (count_refused (f) == 1);
}

/* --- a joiner that misbehaves ---------------------------------------------------------------- */

static void
on_dialled (GObject      *source,
            GAsyncResult *result,
            gpointer      data)
{
  Fixture           *f = data;
  g_autoptr (GError) error = NULL;

  f->dialled = gemel_dial_finish (result, &error);
  g_assert_no_error (error);
}

static void
dial (Fixture *f)
{
  g_clear_object (&f->dialled);
  gemel_dial_async (&f->backup_keys, f->address, f->master_keys.pin, GEMEL_CHANNEL_PAIR, 10000,
                    NULL, on_dialled, f);
  wait_until (f->dialled != NULL);
}

static void
write_bytes (Fixture      *f,
             gconstpointer bytes,
             gsize         size)
{
  g_assert_true (g_output_stream_write_all (g_io_stream_get_output_stream (f->dialled), bytes, size,
                                            NULL, NULL, NULL));
}

/* A proof that is right, in the session that is dialled now. */
static void
make_proof_frame (Fixture *f,
                  guint8   frame[41])
{
  static const guint8       header[9] = { 33, 0, 0, 0, GEMEL_PAIRING_FRAME_PROOF, 0, 0, 0, 1 };
  g_auto (GemelPairingCode) code = { 0 };
  g_autoptr (GError)        error = NULL;

  g_assert_true (
    gemel_pairing_code_from_string (gemel_invitation_get_code (f->invitation), &code, NULL));
  memcpy (frame, header, sizeof header);
  g_assert_true (gemel_pairing_proof_make (G_TLS_CONNECTION (f->dialled), code.secret,
                                           GEMEL_PAIRING_JOINER, f->backup_keys.pin,
                                           f->master_keys.pin, frame + 9, &error));
  g_assert_no_error (error);
}

static void
test_replayed_proof (Fixture      *f,
                     gconstpointer data)
{
  guint8 frame[41];

  dial (f);
  make_proof_frame (f, frame);
  dial (f);
  write_bytes (f, frame, sizeof frame);
  wait_until (count_refused (f) == 1);
  g_assert_error (f->master_error, GEMEL_ERROR, GEMEL_ERROR_PAIRING_REFUSED);
  g_assert_true (gemel_invitation_is_standing (f->invitation));
}

static void
test_broken_after_the_proof (Fixture      *f,
                             gconstpointer data)
{
  guint8 frame[41];

  dial (f);
  make_proof_frame (f, frame);
  write_bytes (f, frame, sizeof frame);
  g_assert_true (g_io_stream_close (f->dialled, NULL, NULL));
  wait_until (f->n_served == 1);
  g_assert_error (f->master_error, GEMEL_ERROR, GEMEL_ERROR_PEER_UNAVAILABLE);
  join (f, gemel_invitation_get_code (f->invitation));
  expect_refusal (f, "used before");
}

static void
test_garbage_frames (Fixture      *f,
                     gconstpointer data)
{
  static const guint8 frames[][12] = {
    { 0, 0, 0, 0, GEMEL_PAIRING_FRAME_PROOF },    /* too short */
    { 4, 0, 0, 0, GEMEL_PAIRING_FRAME_PROOF },    /* too short */
    { 0, 0, 0, 0, GEMEL_PAIRING_FRAME_CONFIRM },  /* out of turn */
    { 4, 0, 0, 0, GEMEL_PAIRING_FRAME_IDENTITY }, /* out of turn */
    { 1, 0, 0, 0, GEMEL_PAIRING_FRAME_REFUSED },  /* not the joiner's */
    { 0, 0, 0, 0, 0x77, 0x77 },                   /* unknown */
    { 0xff, 0xff, 0xff, 0xff, 1 },                /* too long */
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (frames); i++)
    {
      dial (f);
      write_bytes (f, frames[i], sizeof frames[i]);
      wait_until (f->n_served == i + 1);
      g_assert_error (f->master_error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL);
    }
  g_assert_true (gemel_invitation_is_standing (f->invitation));
}

static void
test_bad_identities (Fixture      *f,
                     gconstpointer data)
{
  guint8 frame[41], identity[8 + 97] = { 0 };
  guint  i;

  for (i = 0; i < 3; i++)
    {
      invite (f, boot_us ());
      f->n_served = 0;
      dial (f);
      make_proof_frame (f, frame);
      write_bytes (f, frame, sizeof frame);
      memset (identity, 0, sizeof identity);
      identity[0] =
        i == 0 ? 33 : 34; /* no name, a control character, a slot of the joiner's choice */
      identity[4] = GEMEL_PAIRING_FRAME_IDENTITY;
      identity[8 + 32] = i == 2 ? 1 : 0;
      identity[8 + 33] = i == 1 ? '\n' : 'x';
      write_bytes (f, identity, 8u + identity[0]);
      wait_until (f->n_served == 1);
      g_assert_error (f->master_error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL);
    }
}

static void
test_silent_joiner (Fixture      *f,
                    gconstpointer data)
{
  gemel_invitation_set_step_ms (f->invitation, 50);
  dial (f);
  wait_until (f->n_served == 1);
  g_assert_error (f->master_error, GEMEL_ERROR, GEMEL_ERROR_TIMEOUT);
  g_assert_true (gemel_invitation_is_standing (f->invitation));
}

static void
test_joiner_gets_in_among_silent_ones (Fixture      *f,
                                       gconstpointer data)
{
  g_autoptr (GPtrArray) silent = g_ptr_array_new_with_free_func (g_object_unref);
  guint                 i;

  for (i = 0; i < 10; i++)
    {
      dial (f);
      g_ptr_array_add (silent, g_object_ref (f->dialled));
    }
  join (f, gemel_invitation_get_code (f->invitation));
  g_assert_no_error (f->backup_error);
  wait_until (f->master_result != NULL);
}

static void
test_invitation_freed_under_way (Fixture      *f,
                                 gconstpointer data)
{
  gemel_pairing_join_async (&f->backup_keys, gemel_invitation_get_code (f->invitation), backup_uuid,
                            "backup", NULL, on_joined, f);
  dial (f);
  g_clear_pointer (&f->invitation, gemel_invitation_free);
  gemel_listener_set_pairing (f->listener, FALSE);
  wait_until (f->joined);
}

#define ADD(path, function) \
  g_test_add ("/link/pairing/" path, Fixture, NULL, set_up, function, tear_down)

int
main (int   argc,
      char *argv[])
{
  gemel_connect_init ();
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/link/pairing/code-round-trip", test_code_round_trip);
  ADD ("damaged-code", test_damaged_code);
  ADD ("nonsense-codes", test_nonsense_codes);
  ADD ("good-code", test_good_code);
  ADD ("used-code", test_used_code);
  ADD ("joining-again-with-a-new-code", test_joining_again_with_a_new_code);
  ADD ("expired-code", test_expired_code);
  ADD ("three-wrong-secrets-void-the-code", test_three_wrong_secrets_void_the_code);
  ADD ("no-invitation", test_no_invitation);
  ADD ("same-identity", test_same_identity);
  ADD ("bad-names", test_bad_names);
  ADD ("man-in-the-middle", test_man_in_the_middle);
  ADD ("replayed-proof", test_replayed_proof);
  ADD ("broken-after-the-proof", test_broken_after_the_proof);
  ADD ("garbage-frames", test_garbage_frames);
  ADD ("bad-identities", test_bad_identities);
  ADD ("silent-joiner", test_silent_joiner);
  ADD ("joiner-gets-in-among-silent-ones", test_joiner_gets_in_among_silent_ones);
  ADD ("invitation-freed-under-way", test_invitation_freed_under_way);
  return g_test_run ();
}
