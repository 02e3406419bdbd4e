// Streams without a network: keeps what the client writes, says what the test
// tells it to. No server: it checks nothing and answers nothing by itself.
//
// Thread-safety: one thread at a time; opened() and half_closed by any.
#ifndef KVPLACE_TESTS_TESTING_FAKE_SESSION_TRANSPORT_H_
#define KVPLACE_TESTS_TESTING_FAKE_SESSION_TRANSPORT_H_

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/cpp/session_transport.h"
#include "kvplace/v1/session.pb.h"

namespace kvplace::client {

class FakeSessionTransport final : public SessionTransport {
 public:
  // What became of one stream; outlives it.
  struct Record {
    std::string target;
    StreamListener* listener = nullptr;
    std::vector<v1::ConnectRequest> written;
    std::atomic<bool> half_closed = false;
    // The client has thrown it away.
    bool gone = false;
    // Writes do not leave, as on a connection that is stuck.
    bool stuck = false;

    // The next of the messages written that was not taken yet.
    v1::ConnectRequest Take() {
      return taken < written.size() ? written[taken++] : v1::ConnectRequest();
    }
    bool empty() const { return taken == written.size(); }
    size_t taken = 0;

    void Respond(v1::ConnectResponse response) {
      if (!gone) listener->OnResponse(&response);
    }
    void Close(const absl::Status& status) {
      if (!gone) listener->OnClosed(status);
    }
    void Unstick() {
      stuck = false;
      if (!gone) listener->OnWritten();
    }
  };

  std::unique_ptr<SessionStream> Open(const std::string& target,
                                      StreamListener* listener) override {
    auto record = std::make_shared<Record>();
    record->target = target;
    record->listener = listener;
    records_.push_back(record);
    ++opened_;
    return std::make_unique<Stream>(record);
  }

  size_t opened() const { return opened_.load(); }
  // The newest stream. REQUIRES: one was opened.
  Record& last() { return *records_.back(); }
  Record& stream(size_t i) { return *records_[i]; }

 private:
  class Stream final : public SessionStream {
   public:
    explicit Stream(std::shared_ptr<Record> record)
        : record_(std::move(record)) {}
    ~Stream() override { record_->gone = true; }

    void Write(const v1::ConnectRequest& message) override {
      record_->written.push_back(message);
      if (!record_->stuck) record_->listener->OnWritten();
    }
    void HalfClose() override { record_->half_closed = true; }

   private:
    const std::shared_ptr<Record> record_;
  };

  std::vector<std::shared_ptr<Record>> records_;
  std::atomic<size_t> opened_{0};
};

}  // namespace kvplace::client

#endif  // KVPLACE_TESTS_TESTING_FAKE_SESSION_TRANSPORT_H_
