#include "client/cli/server_flags.h"

namespace kvplace {

void AddServerFlags(CLI::App* command, ServerFlags* flags) {
  const std::string group = "Server";
  client::ChannelOptions& tls = flags->channel;
  command->add_option("--server", flags->server, "kvplaced, as HOST:PORT")
      ->capture_default_str()
      ->group(group);
  command
      ->add_flag("--tls", tls.tls,
                 "Encrypt, trusting the system's authorities; implied by the "
                 "other TLS flags")
      ->group(group);
  command
      ->add_option("--tls-ca", tls.ca_file,
                   "PEM file of the authorities to trust")
      ->group(group);
  command
      ->add_option("--tls-cert", tls.cert_file,
                   "PEM file with the client's certificate")
      ->group(group);
  command
      ->add_option("--tls-key", tls.key_file, "PEM file with its private key")
      ->group(group);
  command
      ->add_option("--tls-server-name", tls.server_name,
                   "Name in the server's certificate, if not that of --server")
      ->group(group);
}

}  // namespace kvplace
