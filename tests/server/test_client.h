// Calls to a running server, as clients of all kinds make them.
#ifndef KVPLACE_TESTS_SERVER_TEST_CLIENT_H_
#define KVPLACE_TESTS_SERVER_TEST_CLIENT_H_

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "kvplace/v1/admin.grpc.pb.h"
#include "kvplace/v1/session.grpc.pb.h"
#include "tests/server/daemon_process.h"

namespace kvplace {

using ChannelPtr = std::shared_ptr<grpc::Channel>;

// One with a connection of its own.
inline ChannelPtr Connect(
    const std::string& address,
    std::shared_ptr<grpc::ChannelCredentials> credentials =
        grpc::InsecureChannelCredentials()) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, std::move(credentials), arguments);
}

inline void SetDeadline(grpc::ClientContext* context,
                        absl::Duration patience = kPatience) {
  context->set_deadline(absl::ToChronoTime(absl::Now() + patience));
}

// A call with one message each way, whatever the method's kind, as bytes.
struct RawAnswer {
  grpc::Status status;
  std::string bytes;
};
inline RawAnswer CallRaw(const ChannelPtr& channel, const std::string& method,
                         const std::string& request) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  SetDeadline(&context);
  grpc::CompletionQueue queue;
  const grpc::Slice slice(request);
  const grpc::ByteBuffer question(&slice, 1);
  grpc::ByteBuffer buffer;
  RawAnswer answer;
  auto call = stub.PrepareUnaryCall(&context, method, question, &queue);
  call->StartCall();
  call->Finish(&buffer, &answer.status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  std::vector<grpc::Slice> slices;
  if (answer.status.ok() && buffer.Dump(&slices).ok()) {
    for (const grpc::Slice& s : slices) {
      answer.bytes.append(reinterpret_cast<const char*>(s.begin()), s.size());
    }
  }
  return answer;
}

// AdminService.ListNodes with a token, if there is one.
inline grpc::Status ListNodes(const ChannelPtr& channel,
                              const std::string& token = "",
                              absl::Duration patience = kPatience) {
  grpc::ClientContext context;
  SetDeadline(&context, patience);
  if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
  v1::ListNodesResponse response;
  return v1::AdminService::NewStub(channel)->ListNodes(
      &context, v1::ListNodesRequest(), &response);
}

inline v1::GetPolicyResponse GetPolicy(const ChannelPtr& channel) {
  grpc::ClientContext context;
  SetDeadline(&context);
  v1::GetPolicyResponse response;
  const grpc::Status status = v1::AdminService::NewStub(channel)->GetPolicy(
      &context, v1::GetPolicyRequest(), &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response;
}

// A worker with one device, one layer group and nothing in it.
class TestWorker {
 public:
  TestWorker(const ChannelPtr& channel, const std::string& node)
      : stub_(v1::SessionService::NewStub(channel)) {
    SetDeadline(&context_);
    stream_ = stub_->Connect(&context_);
    v1::ConnectRequest m = Next();
    v1::Hello& hello = *m.mutable_hello();
    hello.set_protocol_version(1);
    hello.set_node_id(node);
    hello.set_incarnation(1);
    hello.mutable_hbm()->set_capacity_bytes(64 * 8);
    hello.mutable_hbm()->set_bandwidth_bytes_per_second(1000);
    hello.mutable_dram()->set_bandwidth_bytes_per_second(150);
    hello.mutable_dram()->set_link_read_bytes_per_second(100);
    hello.mutable_dram()->set_link_write_bytes_per_second(100);
    hello.set_residency_mode(v1::RESIDENCY_MODE_INCLUSIVE);
    v1::LayerGroup& group = *hello.add_groups();
    group.set_block_bytes(64);
    group.set_handles(64);
    group.set_page_tokens(4);
    group.set_kv_bytes_per_token(16);
    stream_->Write(m);
  }

  void SendInventory() {
    v1::ConnectRequest m = Next();
    v1::BlockRange& range = *m.mutable_inventory()->add_blocks();
    range.set_sequence(7);
    range.set_count(8);
    range.set_tier(v1::TIER_DRAM);
    m.mutable_inventory()->set_last(true);
    stream_->Write(m);
  }
  // Every block is read.
  void SendStep() {
    v1::ConnectRequest m = Next();
    m.mutable_step()->set_step(step_++);
    v1::GroupReads& reads = *m.mutable_step()->add_reads();
    reads.mutable_all()->add_sequences(7);
    stream_->Write(m);
  }
  // The next message of this kind; others are passed over. False: the stream
  // has ended.
  bool Await(v1::ConnectResponse::BodyCase kind, v1::ConnectResponse* m) {
    while (stream_->Read(m)) {
      if (m->body_case() == kind) return true;
    }
    return false;
  }
  grpc::Status Finish() {
    stream_->WritesDone();
    v1::ConnectResponse m;
    while (stream_->Read(&m)) {
    }
    return stream_->Finish();
  }

 private:
  v1::ConnectRequest Next() {
    v1::ConnectRequest m;
    m.set_sequence_number(++number_);
    return m;
  }

  std::unique_ptr<v1::SessionService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<
      grpc::ClientReaderWriter<v1::ConnectRequest, v1::ConnectResponse>>
      stream_;
  uint64_t number_ = 0;
  int64_t step_ = 0;
};

}  // namespace kvplace

#endif  // KVPLACE_TESTS_SERVER_TEST_CLIENT_H_
