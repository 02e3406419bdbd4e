// An order as the engine gets it: what to do in the coming step, and on whose
// word.
//
// Thread-safety: const after it is published; shared by reference count.
#ifndef KVPLACE_CLIENT_CPP_ORDER_H_
#define KVPLACE_CLIENT_CPP_ORDER_H_

#include <memory>

#include "client/cpp/step_data.h"
#include "server/core/plan.h"

namespace kvplace::client {

struct Order {
  // Zeros when it is the client's own.
  PlanRef plan;
  // The reads of steps up to `basis` are known to it.
  StepIndex basis{-1};
  // Last step it may be executed in.
  StepIndex valid_until{-1};
  StandingOrder order;

  // From the server, not from the local policy.
  bool from_server() const { return plan.epoch != 0; }
};

using OrderPtr = std::shared_ptr<const Order>;

}  // namespace kvplace::client

#endif  // KVPLACE_CLIENT_CPP_ORDER_H_
