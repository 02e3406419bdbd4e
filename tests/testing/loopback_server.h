// The real session and admin services behind real gRPC on loopback, in this
// process: kvplaced without its metrics, recorder and flags.
//
// Thread-safety: one thread at a time.
#ifndef KVPLACE_TESTS_TESTING_LOOPBACK_SERVER_H_
#define KVPLACE_TESTS_TESTING_LOOPBACK_SERVER_H_

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "grpcpp/grpcpp.h"
#include "server/service/admin_service.h"
#include "server/service/admin_token.h"
#include "server/service/clock.h"
#include "server/service/node_registry.h"
#include "server/service/session_service.h"
#include "tests/testing/fake_metrics_sink.h"

namespace kvplace {

class LoopbackServer {
 public:
  explicit LoopbackServer(ServiceOptions options = {}) : options_(options) {
    Start();
  }
  ~LoopbackServer() { Kill(); }

  // Ends all streams at once, as the death of the process would, and forgets
  // everything.
  void Kill() {
    if (grpc_ == nullptr) return;
    grpc_->Shutdown(std::chrono::system_clock::now());
    grpc_.reset();
    admin_.reset();
    sessions_.reset();
    registry_.reset();
  }
  // On the same port as before, if there was one.
  void Start() {
    registry_ =
        std::make_unique<NodeRegistry>(options_, RealClock(), &metrics_);
    sessions_ = std::make_unique<SessionService>(registry_.get());
    admin_ = std::make_unique<AdminService>(registry_.get(), &token_);
    grpc::ServerBuilder builder;
    SessionService::Configure(options_, &builder);
    builder.AddListeningPort(absl::StrCat("127.0.0.1:", port_),
                             grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(sessions_.get());
    builder.RegisterService(admin_.get());
    grpc_ = builder.BuildAndStart();
  }

  bool serving() const { return grpc_ != nullptr; }
  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }
  NodeRegistry& registry() { return *registry_; }
  AdminToken& token() { return token_; }

 private:
  const ServiceOptions options_;
  FakeMetricsSink metrics_;
  AdminToken token_;
  int port_ = 0;
  std::unique_ptr<NodeRegistry> registry_;
  std::unique_ptr<SessionService> sessions_;
  std::unique_ptr<AdminService> admin_;
  std::unique_ptr<grpc::Server> grpc_;
};

}  // namespace kvplace

#endif  // KVPLACE_TESTS_TESTING_LOOPBACK_SERVER_H_
