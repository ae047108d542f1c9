// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.view;

import org.eclipse.jface.viewers.IElementComparer;
import org.snapback.core.Snapshot;

/** A snapshot stays the same row while what is known of it changes. */
final class SameSnapshot implements IElementComparer {

    @Override
    public boolean equals(Object a, Object b) {
        return a instanceof Snapshot first && b instanceof Snapshot second ? first.id() == second.id() : a.equals(b);
    }

    @Override
    public int hashCode(Object element) {
        return element instanceof Snapshot snapshot ? Long.hashCode(snapshot.id()) : element.hashCode();
    }
}
