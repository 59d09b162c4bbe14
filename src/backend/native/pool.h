#pragma once
namespace agent {
/// Ends the workers and starts count − 1 new ones; the caller is the first.
void setThreads(int count);
}  // namespace agent
