// The floor under kvplaced: what a gRPC server costs that takes the same
// messages, decides nothing and answers each with as many bytes as a plan.
//
//   build/release/bin/echo_server --reply-bytes 2900 --port-file F
//
// gRPC is set up by kvplaced's own code and the stream is of the same kind: a
// callback reactor over raw bytes, one read and one write under way. A message
// is looked at as far as its kind and step; the answer is a Welcome or a Plan
// whose queue is filler.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "grpcpp/grpcpp.h"
#include "kvplace/v1/session.grpc.pb.h"
#include "server/config/options.h"
#include "server/daemon/grpc_settings.h"
#include "server/daemon/port_file.h"
#include "server/daemon/signals.h"

namespace kvplace {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

constexpr size_t kPeek = 32;

// The kind of a message, and of a step its number.
struct Peeked {
  int field = 0;
  int64_t step = -1;
};

Peeked Peek(const grpc::ByteBuffer& message) {
  std::vector<grpc::Slice> slices;
  std::array<uint8_t, kPeek> bytes;
  size_t filled = 0;
  if (!message.Dump(&slices).ok()) return {};
  for (const grpc::Slice& slice : slices) {
    const size_t size = std::min(slice.size(), kPeek - filled);
    std::memcpy(bytes.data() + filled, slice.begin(), size);
    filled += size;
    if (filled == kPeek) break;
  }
  CodedInputStream in(bytes.data(), static_cast<int>(filled));
  uint64_t number = 0;
  uint32_t length;
  in.ReadTag();
  in.ReadVarint64(&number);
  Peeked peeked;
  peeked.field = WireFormatLite::GetTagFieldNumber(in.ReadTag());
  if (peeked.field != v1::ConnectRequest::kStepFieldNumber) return peeked;
  in.ReadVarint32(&length);
  in.ReadTag();
  in.ReadVarint64(&number);
  peeked.step = static_cast<int64_t>(number);
  return peeked;
}

// A ConnectResponse with a plan of `size` bytes in all, or a few more.
grpc::ByteBuffer PlanOf(size_t size, int64_t basis) {
  constexpr size_t kHead = 40;
  std::string plan;
  {
    std::array<uint8_t, kHead> head;
    uint8_t* at = head.data();
    const auto varint = [&at](int field, uint64_t value) {
      at = CodedOutputStream::WriteTagToArray(
          WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_VARINT), at);
      at = CodedOutputStream::WriteVarint64ToArray(value, at);
    };
    const size_t filler = size > kHead ? size - kHead : 0;
    varint(v1::Plan::kIdFieldNumber, 1);
    varint(v1::Plan::kBasisStepFieldNumber, static_cast<uint64_t>(basis));
    at = CodedOutputStream::WriteTagToArray(
        WireFormatLite::MakeTag(v1::Plan::kEvictQueueFieldNumber,
                                WireFormatLite::WIRETYPE_LENGTH_DELIMITED),
        at);
    at = CodedOutputStream::WriteVarint64ToArray(filler, at);
    plan.append(reinterpret_cast<const char*>(head.data()),
                static_cast<size_t>(at - head.data()));
    plan.append(filler, '\1');
  }
  std::array<uint8_t, kHead> head;
  uint8_t* at = CodedOutputStream::WriteTagToArray(
      WireFormatLite::MakeTag(v1::ConnectResponse::kEpochFieldNumber,
                              WireFormatLite::WIRETYPE_VARINT),
      head.data());
  at = CodedOutputStream::WriteVarint64ToArray(1, at);
  at = CodedOutputStream::WriteTagToArray(
      WireFormatLite::MakeTag(v1::ConnectResponse::kPlanFieldNumber,
                              WireFormatLite::WIRETYPE_LENGTH_DELIMITED),
      at);
  at = CodedOutputStream::WriteVarint64ToArray(plan.size(), at);
  const std::array<grpc::Slice, 2> slices = {
      grpc::Slice(head.data(), static_cast<size_t>(at - head.data())),
      grpc::Slice(plan)};
  return grpc::ByteBuffer(slices.data(), slices.size());
}

class EchoStream final
    : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  explicit EchoStream(size_t reply_bytes) : reply_bytes_(reply_bytes) {
    StartRead(&received_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      absl::MutexLock lock(&mu_);
      ended_ = true;
      Advance();
      return;
    }
    const Peeked peeked = Peek(received_);
    if (peeked.field != v1::ConnectRequest::kHeartbeatFieldNumber) {
      absl::MutexLock lock(&mu_);
      // Like kvplaced: a newer answer in place of one that waits.
      answer_ = peeked.field == v1::ConnectRequest::kHelloFieldNumber
                    ? Welcome()
                    : PlanOf(reply_bytes_, peeked.step);
      waiting_ = true;
      Advance();
    }
    StartRead(&received_);
  }

  void OnWriteDone(bool ok) override {
    absl::MutexLock lock(&mu_);
    writing_ = false;
    ended_ = ended_ || !ok;
    Advance();
  }

  void OnDone() override { delete this; }

 private:
  static grpc::ByteBuffer Welcome() {
    v1::ConnectResponse response;
    response.mutable_welcome()->set_sample_every(1);
    const grpc::Slice slice(response.SerializeAsString());
    return grpc::ByteBuffer(&slice, 1);
  }

  void Advance() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (writing_ || finished_) return;
    if (waiting_) {
      waiting_ = false;
      writing_ = true;
      sending_.Swap(&answer_);
      StartWrite(&sending_);
    } else if (ended_) {
      finished_ = true;
      Finish(grpc::Status::OK);
    }
  }

  const size_t reply_bytes_;
  grpc::ByteBuffer received_;

  absl::Mutex mu_;
  grpc::ByteBuffer answer_ ABSL_GUARDED_BY(mu_);
  grpc::ByteBuffer sending_ ABSL_GUARDED_BY(mu_);
  bool waiting_ ABSL_GUARDED_BY(mu_) = false;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
};

class EchoService final
    : public v1::SessionService::WithRawCallbackMethod_Connect<
          v1::SessionService::Service> {
 public:
  explicit EchoService(size_t reply_bytes) : reply_bytes_(reply_bytes) {}

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Connect(
      grpc::CallbackServerContext*) override {
    return new EchoStream(reply_bytes_);
  }

 private:
  const size_t reply_bytes_;
};

struct Flags {
  std::string listen = "127.0.0.1:0";
  std::string port_file;
  size_t reply_bytes = 1024;
};

int Serve(const Flags& flags) {
  BlockSignals();
  const Options options;
  PrepareGrpc(options);
  EchoService service(flags.reply_bytes);
  grpc::ServerBuilder builder;
  ConfigureGrpc(options, &builder);
  OpenPorts ports;
  builder.AddListeningPort(flags.listen, grpc::InsecureServerCredentials(),
                           &ports.port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || ports.port == 0) {
    std::cerr << "echo_server: cannot listen on " << flags.listen << "\n";
    return 1;
  }
  ports.listen = absl::StrCat("127.0.0.1:", ports.port);
  std::cout << ports.listen << std::endl;
  if (!flags.port_file.empty()) {
    if (auto s = WritePortFile(flags.port_file, ports); !s.ok()) {
      std::cerr << "echo_server: " << s.ToString() << "\n";
      return 1;
    }
  }
  while (!WaitForSignal(absl::Seconds(60)).has_value()) {
  }
  server->Shutdown(std::chrono::system_clock::now());
  return 0;
}

}  // namespace
}  // namespace kvplace

int main(int argc, char** argv) {
  kvplace::Flags flags;
  CLI::App app("Answers placement sessions without a thought", "echo_server");
  app.add_option("--listen", flags.listen, "HOST:PORT")->capture_default_str();
  app.add_option("--port-file", flags.port_file, "As kvplaced's");
  app.add_option("--reply-bytes", flags.reply_bytes, "Size of a plan")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return kvplace::Serve(flags);
}
