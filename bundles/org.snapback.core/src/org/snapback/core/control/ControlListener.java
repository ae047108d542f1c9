// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.control;

import org.eclipse.core.runtime.IStatus;
import org.snapback.core.protocol.Event;

/** Hears what a supervisor says unasked; both are called on the thread that reads the socket. */
public interface ControlListener {

    void event(Event event);

    /** The connection is over; called once, after the last event. @param reason OK: closed as expected */
    void closed(IStatus reason);
}
