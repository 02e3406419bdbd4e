#include "client/cli/server_flags.h"

namespace kvplace {
namespace {

constexpr char kFlagGroup[] = "Server";

}  // namespace

void AddServerFlags(CLI::App* command, ServerFlags* flags) {
  command->add_option("--server", flags->server, "kvplaced, as HOST:PORT")
      ->capture_default_str()
      ->group(kFlagGroup);
  AddTlsFlags(command, &flags->channel);
}

void AddTlsFlags(CLI::App* command, client::ChannelOptions* tls) {
  command
      ->add_flag("--tls", tls->tls,
                 "Encrypt, trusting the system's authorities; implied by the "
                 "other TLS flags")
      ->group(kFlagGroup);
  command
      ->add_option("--tls-ca", tls->ca_file,
                   "PEM file of the authorities to trust")
      ->group(kFlagGroup);
  command
      ->add_option("--tls-cert", tls->cert_file,
                   "PEM file with the client's certificate")
      ->group(kFlagGroup);
  command
      ->add_option("--tls-key", tls->key_file, "PEM file with its private key")
      ->group(kFlagGroup);
  command
      ->add_option("--tls-server-name", tls->server_name,
                   "Name in the server's certificate, if not that of --server")
      ->group(kFlagGroup);
}

}  // namespace kvplace
