// One gRPC stream around one Session.
//
// Reads are processed inline by the thread that delivers them, and the next one
// is asked for only then. Writes are started by whoever finds the stream idle:
// after a message, after a write, or when the session is woken from outside.
// The stream is one of raw bytes: gRPC, left to parse messages itself, shows
// one that does not parse as the end of the stream, and takes in one that is
// too large before anyone can say so by name.
//
// The object owns itself until gRPC's OnDone; others hold weak pointers.
//
// Lock order: mu_, then the session's locks; Session wakes streams without any
// lock. Thread-safety: any thread.
#ifndef KVPLACE_SERVER_SERVICE_SESSION_STREAM_H_
#define KVPLACE_SERVER_SERVICE_SESSION_STREAM_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "google/protobuf/arena.h"
#include "grpcpp/grpcpp.h"
#include "kvplace/v1/session.pb.h"
#include "server/service/recorder_sink.h"
#include "server/service/session.h"

namespace kvplace {

class NodeRegistry;
class SessionService;

class SessionStream final
    : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
      public StreamHandle,
      public std::enable_shared_from_this<SessionStream> {
 public:
  // All of these outlive the stream; `recorder` may be null.
  SessionStream(SessionService* service, NodeRegistry* registry,
                RecorderSink* recorder, grpc::CallbackServerContext* context);
  ~SessionStream() override;

  // One of these first. Open makes the session, and Start begins to read; or
  // Refuse ends the stream at once.
  void Open();
  void Start() { NextRead(); }
  void Refuse(const absl::Status& status);

  void Wake() override;
  // Times out: see SessionService::SweepOnce.
  void Sweep();

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  void NextRead() { StartRead(&received_); }
  // What was received, in one piece: that of `slice`, or gathered_. Nothing: it
  // could not be had.
  std::optional<absl::string_view> Gather(grpc::Slice* slice);
  // The bytes as a message and, where they are a step's, its reads. False: they
  // are no message.
  bool Parse(absl::string_view bytes);
  // Hands the bytes that came to the session.
  Session::Outcome Process(absl::Duration arrived);
  // Tells the recorder what became of the message.
  void Record(Session::Outcome outcome);
  // Writes what is to be written, or ends the stream if the session has ended;
  // whoever calls it when both are under way does nothing.
  void Advance();

  SessionService* const service_;
  NodeRegistry* const registry_;
  RecorderSink* const recorder_;
  grpc::CallbackServerContext* const context_;
  // Null if the stream was refused; else constant after Open.
  std::unique_ptr<Session> session_;
  // Keeps this object alive until OnDone.
  std::shared_ptr<SessionStream> self_;

  // Of the thread that reads. The message's memory is the arena's, whose first
  // block is kept from message to message.
  grpc::ByteBuffer received_;
  // Of a message in several slices, one copy; of a step, where its reads are in
  // the bytes, and what else it says.
  std::string gathered_;
  std::vector<absl::string_view> reads_;
  std::string without_reads_;
  std::unique_ptr<char[]> arena_block_;
  std::unique_ptr<google::protobuf::Arena> arena_;
  v1::ConnectRequest* request_ = nullptr;
  bool gap_recorded_ = false;

  absl::Mutex mu_;
  v1::ConnectResponse response_ ABSL_GUARDED_BY(mu_);
  grpc::ByteBuffer sending_ ABSL_GUARDED_BY(mu_);
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  // When the session's end was first found with a write under way.
  std::optional<absl::Duration> stuck_since_ ABSL_GUARDED_BY(mu_);
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_SESSION_STREAM_H_
