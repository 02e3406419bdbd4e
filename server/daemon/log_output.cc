#include "server/daemon/log_output.h"

#include "spdlog/async_logger.h"
#include "spdlog/details/thread_pool.h"
#include "spdlog/sinks/stdout_sinks.h"

namespace kvplace {
namespace {

constexpr size_t kQueuedLines = 8192;

}  // namespace

struct LogOutput::Impl {
  std::shared_ptr<spdlog::details::thread_pool> thread =
      std::make_shared<spdlog::details::thread_pool>(kQueuedLines, 1);
  std::shared_ptr<spdlog::async_logger> logger =
      std::make_shared<spdlog::async_logger>(
          "kvplaced", std::make_shared<spdlog::sinks::stderr_sink_mt>(), thread,
          spdlog::async_overflow_policy::overrun_oldest);
};

LogOutput::LogOutput() : impl_(std::make_unique<Impl>()) {
  // Lines come formatted.
  impl_->logger->set_pattern("%v");
  impl_->logger->set_level(spdlog::level::trace);
}

LogOutput::~LogOutput() = default;

void LogOutput::Write(absl::string_view line) {
  impl_->logger->log(spdlog::level::info,
                     spdlog::string_view_t(line.data(), line.size()));
}

uint64_t LogOutput::dropped() const { return impl_->thread->overrun_counter(); }

}  // namespace kvplace
