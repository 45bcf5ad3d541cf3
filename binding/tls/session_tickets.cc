#include "tls/session_tickets.h"

#include "tls/error.h"

namespace s2npkey::tls {

void UseSessionTickets(s2n_config* config, const SessionTickets& tickets) {
  const auto check = [](int result) { CheckS2n(result, "ERR_S2N_PKEY_CONFIG", "session tickets"); };
  // Tickets are turned on first: s2n drops the keys silently otherwise.
  check(s2n_config_set_session_tickets_onoff(config, 1));
  check(s2n_config_set_initial_ticket_count(config, tickets.tickets_per_handshake));
  check(s2n_config_set_session_state_lifetime(config, tickets.session_seconds));
  check(s2n_config_set_ticket_encrypt_decrypt_key_lifetime(config, tickets.encrypting_seconds));
  check(s2n_config_set_ticket_decrypt_key_lifetime(config, tickets.session_seconds));
  check(s2n_config_require_ticket_forward_secrecy(config, !tickets.tls12));
  for (TicketKey key : tickets.keys) {  // a copy: s2n takes the secret as mutable bytes
    check(s2n_config_add_ticket_crypto_key(
        config, key.name.data(), static_cast<uint32_t>(key.name.size()), key.secret.data(),
        static_cast<uint32_t>(key.secret.size()), key.since));
  }
}

}  // namespace s2npkey::tls
