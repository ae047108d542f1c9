// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.driver;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.eclipse.core.runtime.ILogListener;
import org.eclipse.core.runtime.IStatus;
import org.eclipse.core.runtime.Platform;

/** Remembers each error that anything in the workbench logs, from its making to its closing. */
public final class LoggedErrors implements AutoCloseable {

    private final List<IStatus> errors = new CopyOnWriteArrayList<>();
    private final ILogListener listener = (status, plugin) -> {
        if (status.matches(IStatus.ERROR)) {
            errors.add(status);
        }
    };

    public LoggedErrors() {
        Platform.addLogListener(listener);
    }

    /** Takes out the errors that say this, for they were expected; tells how many. */
    public long expect(String text) {
        long before = errors.size();
        errors.removeIf(status -> status.getMessage() != null && status.getMessage().contains(text));
        return before - errors.size();
    }

    /** @throws AssertionError if there is one */
    public void verifyNone() {
        if (!errors.isEmpty()) {
            AssertionError failure = new AssertionError("Errors were logged: " + errors);
            errors.forEach(status -> {
                if (status.getException() != null) {
                    failure.addSuppressed(status.getException());
                }
            });
            throw failure;
        }
    }

    @Override
    public void close() {
        Platform.removeLogListener(listener);
    }
}
